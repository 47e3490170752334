/* options_argv: the command line as a source of options, by getopt_long over the one table. Checks
 * and stores no value.
 */
#include "job/options_argv.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "job/options_store.h"

enum { FIRST_VALUE = 256 }; /* getopt_long returns this for the first option of the table */

struct reader {
    struct given *given;
    struct err *err;
    bool failed;
    struct strv words; /* that belong to no option */
};

/* Each option, spelt with '_' and with '-', for getopt_long. The caller frees. */
static struct option *make_long_options(char names[][64])
{
    struct option *options = mem_calloc(2 * options_table_size + 1, sizeof(*options));
    size_t n = 0;

    for (size_t i = 0; i < options_table_size; i++) {
        const struct option_spec *spec = &options_table[i];
        int takes = spec->kind == OPTION_FLAG ? optional_argument : required_argument;

        options[n++] = (struct option){spec->name, takes, NULL, FIRST_VALUE + (int)i};
        if (!strchr(spec->name, '_'))
            continue;
        strncpy(names[i], spec->name, 63);
        for (char *p = names[i]; (p = strchr(p, '_'));)
            *p = '-';
        options[n++] = (struct option){names[i], takes, NULL, FIRST_VALUE + (int)i};
    }
    return options;
}

/* Keeps the first failure only, since later ones may follow from it. */
#define FAIL(r, ...)                                                                               \
    do {                                                                                           \
        if (!(r)->failed)                                                                          \
            err_set((r)->err, EXIT_USAGE, __VA_ARGS__);                                            \
        (r)->failed = true;                                                                        \
    } while (0)

static void fail_unknown(struct reader *r, const char *word)
{
    char shown[TEXT_EXCERPT_SIZE];
    size_t dashes = strspn(word, "-");
    const char *name = word + dashes;
    size_t len = strcspn(name, "=");
    const struct option_spec *candidate = NULL;
    struct err unknown;

    text_excerpt(shown, word, dashes + len);
    if (dashes == 2 && len && options_table_count(name, len, &candidate) > 1) {
        FAIL(r, "'%s' is short for several options, --%s among them; write the whole name", shown,
             candidate->name);
        return;
    }
    given_unknown(shown, name, len, &unknown);
    if (r->words.n > 1)
        FAIL(r, "%s. If it belongs to the command, quote the command or put -- before it",
             unknown.text);
    else
        FAIL(r, "%s", unknown.text);
}

/* Is word, which stands where a value was wanted, an option by its full name, or "--"? */
static bool is_option_word(const char *word)
{
    return !strncmp(word, "--", 2) &&
           (!word[2] || options_table_find(word + 2, strcspn(word + 2, "=")));
}

static void read_option(struct reader *r, const struct option_spec *spec, char **argv, int argc)
{
    char shown[TEXT_EXCERPT_SIZE];

    if (spec->kind == OPTION_FLAG) {
        given_add(r->given, spec, optarg ? optarg : "1", optarg ? strlen(optarg) : 1);
        return;
    }
    if (optarg == argv[optind - 1] && is_option_word(optarg)) {
        text_excerpt(shown, optarg, strlen(optarg));
        FAIL(r, "--%s wants a value, but '%s' follows; write --%s=%s if that is the value",
             spec->name, shown, spec->name, shown);
        optind--;
        return;
    }
    given_add(r->given, spec, optarg, strlen(optarg));
    if (spec->kind != OPTION_ENVS)
        return;
    for (; optind < argc && options_is_assignment(argv[optind]); optind++)
        given_add(r->given, spec, argv[optind], strlen(argv[optind]));
}

static void read_words(struct reader *r, char **argv, int argc, const struct option *options)
{
    int c;

    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "-:h", options, NULL)) != -1) {
        if (c == 1) {
            strv_add(&r->words, optarg);
        } else if (c >= FIRST_VALUE) {
            read_option(r, &options_table[c - FIRST_VALUE], argv, argc);
        } else if (c == 'h') {
            given_add(r->given, options_table_find("help", 4), "1", 1);
        } else if (c == ':') {
            FAIL(r, "--%s wants a value", options_table[optopt - FIRST_VALUE].name);
        } else if (optopt && optopt < FIRST_VALUE) {
            fail_unknown(r, (char[]){'-', (char)optopt, '\0'});
        } else {
            fail_unknown(r, argv[optind - 1]);
        }
    }
}

static void read_command(struct reader *r, char **argv, int argc)
{
    struct given *g = r->given;

    g->has_argv = optind > 1 && !strcmp(argv[optind - 1], "--");
    for (; optind < argc; optind++)
        strv_add(&g->argv, argv[optind]);
    if (r->words.n > 1)
        FAIL(r,
             "the command is in several words, '%.60s' and '%.60s' first; quote it or put -- "
             "before it",
             r->words.items[0], r->words.items[1]);
    else if (r->words.n && g->has_argv)
        FAIL(r, "both '%.60s' and the words after -- could be the command; leave one out",
             r->words.items[0]);
    else if (r->words.n)
        g->command = mem_strdup(r->words.items[0]);
    else if (g->has_argv && !g->argv.n)
        FAIL(r, "no command stands after --");
}

int options_argv_read(struct given *g, int argc, char **argv, struct err *err)
{
    char names[OPTIONS_TABLE_MAX][64] = {{0}};
    struct option *options = make_long_options(names);
    char **copy = mem_calloc((size_t)argc + 1, sizeof(*copy)); /* getopt may reorder it */
    struct reader r = {.given = g, .err = err};

    memcpy(copy, argv, (size_t)argc * sizeof(*copy));
    read_words(&r, copy, argc, options);
    read_command(&r, copy, argc);
    strv_free(&r.words);
    free(copy);
    free(options);
    return r.failed ? -1 : 0;
}

void options_argv_take_back(struct given *g)
{
    for (size_t i = g->n; i-- > 0;) {
        if (g->items[i].spec->kind != OPTION_ENVS)
            continue;
        if (!strpbrk(g->items[i].text, " \t\n"))
            return;
        g->command = g->items[i].text;
        memmove(&g->items[i], &g->items[i + 1], (g->n - i - 1) * sizeof(*g->items));
        g->n--;
        return;
    }
}
