/* fuzz_config: bytes as --config's file, once below a command line that is complete, so that only
 * the file can be wrong, and once alone.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "job/options.h"
#include "parsed.h"

/* A file in memory that is written anew for each input; its name follows from the descriptor. */
static const char *write_file(const uint8_t *data, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("job.json", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

static void parse(const char *path, bool alone)
{
    char *argv[] = {(char *)"dgl-mpilaunch",
                    (char *)"--config",
                    (char *)path,
                    (char *)"--workspace=/w",
                    (char *)"--ip_config=i",
                    (char *)"--part_config=p",
                    (char *)"--num_trainers=1",
                    (char *)"--num_servers=1",
                    (char *)"--quiet=0",
                    (char *)"python3 train.py",
                    NULL};
    char *none[] = {NULL};
    struct options o;
    struct err err = {0};

    if (alone)
        argv[3] = NULL;
    if (options_parse(&o, alone ? 3 : 10, argv, none, &err))
        fuzz_check_error(&err, alone ? NULL : path);
    else
        parsed_check(&o);
    options_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = write_file(data, size);

    parse(path, false);
    parse(path, true);
    return 0;
}
