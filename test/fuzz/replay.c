/* replay: runs a fuzz target on every file of the folders given, or of the target's own corpus: the
 * last part of this program's name, below SRCDIR/test/fuzz/corpus. A folder that is missing or
 * empty fails.
 */
#include <dirent.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"

enum { INPUT_MAX = 16 << 20 };

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The bytes lie in memory that ends with them, so that a read beyond is seen. */
static void run_bytes(const struct buf *bytes)
{
    uint8_t *exact = mem_calloc(bytes->len, 1);

    if (bytes->len)
        memcpy(exact, bytes->data, bytes->len);
    LLVMFuzzerTestOneInput(exact, bytes->len);
    free(exact);
}

static int run_file(const char *path)
{
    struct buf bytes = {0};
    struct err err;
    int rc = file_read(path, INPUT_MAX, &bytes, &err);

    if (rc)
        fprintf(stderr, "%s\n", err.text);
    else
        run_bytes(&bytes);
    buf_free(&bytes);
    return rc;
}

/* The name is printed first, so that it is known when a run does not come back. */
static int run_folder(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_input, alphasort), failed = n < 1;

    for (int i = 0; i < n; i++) {
        char *path = mem_printf("%s/%s", folder, entries[i]->d_name);

        printf("  %s\n", entries[i]->d_name);
        fflush(stdout);
        failed |= run_file(path) != 0;
        free(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    printf("%d inputs of %s%s\n", n < 0 ? 0 : n, folder,
           n < 1 ? ": the corpus is missing or empty" : "");
    return failed;
}

static char *own_corpus(const char *program)
{
    const char *root = getenv("SRCDIR");
    const char *name = strstr(program, "replay_");

    for (const char *next = name; next && (next = strstr(next + 1, "replay_"));)
        name = next;
    return mem_printf("%s/test/fuzz/corpus/%s", root ? root : ".",
                      name ? name + strlen("replay_") : "");
}

int main(int argc, char **argv)
{
    char *own = own_corpus(argv[0]);
    int failed = 0;

    if (argc < 2)
        failed = run_folder(own);
    for (int i = 1; i < argc; i++)
        failed |= run_folder(argv[i]);
    free(own);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
