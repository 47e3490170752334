/* fuzz_options: words as the command line: divided by NUL where there is one, else by line breaks.
 * A word that begins with DGL_MPILAUNCH_ is a variable of the environment.
 */
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "fuzz.h"
#include "job/given.h"
#include "job/options.h"
#include "parsed.h"

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
