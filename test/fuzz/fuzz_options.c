/* fuzz_options: words as the command line: divided by NUL where there is one, else by line breaks.
 * A word that begins with DGL_MPILAUNCH_ is a variable of the environment. What is accepted makes a
 * plan that can be printed and that a machine accepts.
 */
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "fuzz.h"
#include "job/given.h"
#include "job/job.h"
#include "job/options.h"
#include "job/plan.h"
#include "job/plan_print.h"
#include "parsed.h"
#include "wire/message.h"
#include "wire/slice.h"

static void split(struct strv *words, struct strv *environment, const char *text, size_t size)
{
    char divider = memchr(text, '\0', size) ? '\0' : '\n';
    const char *end = text + size;

    while (text < end) {
        const char *stop = memchr(text, divider, (size_t)(end - text));
        size_t len = (size_t)((stop ? stop : end) - text);
        char *word = mem_strndup(text, len);

        strv_add(strncmp(word, GIVEN_ENVIRONMENT_PREFIX, strlen(GIVEN_ENVIRONMENT_PREFIX))
                     ? words
                     : environment,
                 word);
        free(word);
        text += len + 1;
    }
}

static bool names_something(const char *text)
{
    return strstr(text, "-") || strstr(text, "command") || strstr(text, GIVEN_ENVIRONMENT_PREFIX);
}

/* The machine gets what rank 0 has packed, or the job would end there. */
static void check_slice(const struct job *job)
{
    struct slice *slice = plan_slice(job, 1, NULL), *arrived;
    struct buf sent = {0}, again = {0};

    message_pack_slice(&sent, slice);
    arrived = message_unpack_slice(sent.data, sent.len);
    FUZZ_CHECK(arrived);
    message_pack_slice(&again, arrived);
    FUZZ_CHECK(again.len == sent.len && !memcmp(again.data, sent.data, sent.len));
    slice_free(slice);
    slice_free(arrived);
    buf_free(&sent);
    buf_free(&again);
}

static void check_print(const struct job *job)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    FUZZ_CHECK(out);
    plan_print(job, out);
    FUZZ_CHECK(!fclose(out));
    fuzz_check_text(text, len);
    free(text);
}

/* Of two machines, as job_load would have made it; large jobs take too long. */
static void check_plan(const struct options *o)
{
    static struct host hosts[] = {{0x0a000001, "10.0.0.1", 30050, 1, false},
                                  {0x0a000002, "10.0.0.2", 31000, 2, true}};
    struct job job = {.options = *o,
                      .id = "20261124T104937Z-1-ab12",
                      .workspace = o->workspace,
                      .hosts = {.items = hosts, .n = 2},
                      .run_dir = o->run_dir};

    if (o->num_trainers + o->num_servers + o->num_samplers > 8)
        return;
    check_slice(&job);
    check_print(&job);
}

static void parse(const struct strv *words, const struct strv *environment)
{
    char *none[] = {NULL};
    struct options o;
    struct err err = {0};

    if (options_parse(&o, (int)words->n, words->items,
                      environment->items ? environment->items : none, &err)) {
        fuzz_check_error(&err, NULL);
        FUZZ_CHECK(names_something(err.text));
    } else if (!o.help && !o.version) {
        parsed_check(&o);
        check_plan(&o);
    }
    options_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strv words = {0}, environment = {0};

    strv_add(&words, "dgl-mpilaunch");
    if (size)
        split(&words, &environment, (const char *)data, size);
    parse(&words, &environment);
    strv_free(&words);
    strv_free(&environment);
    return 0;
}
