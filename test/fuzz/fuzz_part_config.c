/* fuzz_part_config: bytes as the partition JSON. What is accepted names at least the three files of
 * each part; what is refused is named.
 */
#include <limits.h>
#include <string.h>

#include "fuzz.h"
#include "job/hosts.h"
#include "job/partconf.h"

#define PATH "graph.json"

static void check_files(const struct strv *files)
{
    FUZZ_CHECK(files->n == 3 || files->n == 4);
    for (size_t i = 0; i < files->n; i++)
        FUZZ_CHECK(files->items[i][0] && strlen(files->items[i]) < PATH_MAX);
}

static void check_partconf(const struct partconf *conf)
{
    FUZZ_CHECK(conf->graph_name);
    FUZZ_CHECK(conf->num_parts >= 1 && conf->num_parts <= HOSTS_MAX);
    for (int i = 0; i < conf->num_parts; i++)
        check_files(&conf->files[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct partconf conf;
    struct err err = {0};

    if (partconf_parse(&conf, PATH, (const char *)data, size, &err)) {
        fuzz_check_error(&err, PATH);
        FUZZ_CHECK(!conf.files && !conf.graph_name);
    } else {
        check_partconf(&conf);
    }
    partconf_free(&conf);
    return 0;
}
