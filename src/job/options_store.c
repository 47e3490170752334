/* options_store: one value as text into struct options, checked by its kind. Does not know where
 * the text came from beyond the words for the error.
 */
#include "job/options_store.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "job/excerpt.h"

enum { ENVS_MOST = 10000 };

#define MEMBER(o, offset, type) ((type *)(void *)((char *)(o) + (offset)))
#define SHOWN(text)             excerpt((char[EXCERPT_SIZE]){0}, (text), strlen(text))

bool options_is_assignment(const char *text)
{
    size_t i = 0;

    if (isdigit((unsigned char)text[0]))
        return false;
    while (isalnum((unsigned char)text[i]) || text[i] == '_')
        i++;
    return i > 0 && text[i] == '=';
}

/* The digits at text as a number up to limit; *end: behind them. -1: none, or above limit. */
static long digits(const char *text, const char **end, long limit)
{
    long value = 0;
    const char *p = text;

    for (; isdigit((unsigned char)*p); p++)
        if ((value = value * 10 + (*p - '0')) > limit)
            return -1;
    *end = p;
    return p == text ? -1 : value;
}

static int store_count(int *out, const struct option_spec *spec, const char *text,
                       const char *where, struct err *err)
{
    const char *end = text;
    long value = digits(text, &end, spec->max);

    if (value < spec->min || *end)
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a whole number from %ld to %ld", where,
                       SHOWN(text), spec->min, spec->max);
    *out = (int)value;
    return 0;
}

static int store_size(int64_t *out, const char *text, const char *where, struct err *err)
{
    static const char units[] = "KMGT";
    const char *end = text, *unit;
    int64_t value = digits(text, &end, 1L << 52);

    if (value > 0 && *end && (unit = strchr(units, toupper((unsigned char)*end))) && !end[1]) {
        value = value > INT64_MAX >> (10 * (unit - units + 1)) ? -1
                                                               : value << (10 * (unit - units + 1));
        end++;
    }
    if (value < 1 || *end)
        return err_set(err, EXIT_USAGE,
                       "%s: '%s' is not a number of bytes, such as 500M or 8G (K, M, G, T)", where,
                       SHOWN(text));
    *out = value;
    return 0;
}

static int store_choice(int *out, const struct option_spec *spec, const char *text,
                        const char *where, struct err *err)
{
    struct buf words = {0};

    for (const struct option_choice *c = spec->choices; c->word; c++) {
        if (!strcasecmp(text, c->word)) {
            *out = c->value;
            buf_free(&words);
            return 0;
        }
        buf_addf(&words, "%s%s", words.len ? ", " : "", c->word);
    }
    err_set(err, EXIT_USAGE, "%s: '%s' is none of %.*s", where, SHOWN(text), (int)words.len,
            words.data);
    buf_free(&words);
    return -1;
}

/* Milliseconds of a decimal fraction of a second, rounded up: 0.0001 must not become 0, which means
 * "off". *end: behind the last digit. */
static long fraction_ms(const char *text, const char **end)
{
    long ms = 0, scale = 100;
    bool rest = false;

    for (; isdigit((unsigned char)*text); text++, scale /= 10) {
        ms += (*text - '0') * scale;
        rest |= !scale && *text != '0';
    }
    *end = text;
    return ms + rest;
}

static int store_seconds(long *out, const struct option_spec *spec, const char *text,
                         const char *where, struct err *err)
{
    const char *end = text;
    long ms = 0;
    long seconds =
        *text == '.' && isdigit((unsigned char)text[1]) ? 0 : digits(text, &end, spec->max);

    if (seconds >= 0 && *end == '.')
        ms = fraction_ms(end + 1, &end);
    if (seconds < 0 || *end)
        return err_set(err, EXIT_USAGE,
                       "%s: '%s' is not a number of seconds from 0 to %ld, such as 60 or 0.5",
                       where, SHOWN(text), spec->max);
    *out = seconds * 1000 + ms;
    return 0;
}

static int store_flag(bool *out, const char *text, const char *where, struct err *err)
{
    static const char *const words[] = {"0", "1", "no", "yes", "false", "true", "off", "on"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]))
            continue;
        *out = i % 2;
        return 0;
    }
    return err_set(err, EXIT_USAGE, "%s: '%s' is neither yes nor no", where, SHOWN(text));
}

static int store_text(char **out, const char *text, const char *where, struct err *err)
{
    if (!*text)
        return err_set(err, EXIT_USAGE, "%s: the value is empty", where);
    free(*out);
    *out = mem_strdup(text);
    return 0;
}

static int store_formats(char **out, const char *text, const char *where, struct err *err)
{
    const char *p = text;

    for (;;) {
        if (strncmp(p, "coo", 3) && strncmp(p, "csr", 3) && strncmp(p, "csc", 3))
            break;
        p += 3;
        if (!*p)
            return store_text(out, text, where, err);
        if (*p++ != ',')
            break;
    }
    return err_set(err, EXIT_USAGE, "%s: '%s' is not a comma list of coo, csr and csc", where,
                   SHOWN(text));
}

/* One name of len bytes, perhaps with a '*' at its end. */
static bool is_name_pattern(const char *name, size_t len)
{
    size_t i = 0;

    while (i < len && (isalnum((unsigned char)name[i]) || name[i] == '_'))
        i++;
    return len && !isdigit((unsigned char)name[0]) &&
           (i == len || (i == len - 1 && name[i] == '*'));
}

static int store_names(struct options *o, const struct option_spec *spec, const char *text,
                       const char *where, struct err *err)
{
    struct strv *names = MEMBER(o, spec->offset, struct strv);
    bool *none = MEMBER(o, spec->none_offset, bool);

    for (const char *p = text + strspn(text, ", \t\n"); *p; p += strspn(p, ", \t\n")) {
        size_t len = strcspn(p, ", \t\n");

        if (!is_name_pattern(p, len))
            return err_set(err, EXIT_USAGE,
                           "%s: '%s' is not a comma list of names of variables, or 'none'", where,
                           SHOWN(text));
        if (len == 4 && !strncmp(p, "none", 4))
            *none = true;
        else
            strv_addf(names, "%.*s", (int)len, p);
        p += len;
    }
    if (*none && names->n)
        return err_set(err, EXIT_USAGE, "%s: 'none' and names exclude each other", where);
    return 0;
}

static int store_env(struct strv *out, const char *text, const char *where, struct err *err)
{
    if (!options_is_assignment(text))
        return err_set(err, EXIT_USAGE, "%s: '%s' is not of the form NAME=VALUE", where,
                       SHOWN(text));
    if (out->n == ENVS_MOST)
        return err_set(err, EXIT_USAGE, "%s: more than %d variables", where, ENVS_MOST);
    strv_env_set(out, text);
    return 0;
}

int options_store(struct options *o, const struct option_spec *spec, const char *text,
                  const char *where, struct err *err)
{
    switch (spec->kind) {
    case OPTION_FLAG: return store_flag(MEMBER(o, spec->offset, bool), text, where, err);
    case OPTION_COUNT: return store_count(MEMBER(o, spec->offset, int), spec, text, where, err);
    case OPTION_SIZE: return store_size(MEMBER(o, spec->offset, int64_t), text, where, err);
    case OPTION_CHOICE: return store_choice(MEMBER(o, spec->offset, int), spec, text, where, err);
    case OPTION_SECONDS:
        return store_seconds(MEMBER(o, spec->offset, long), spec, text, where, err);
    case OPTION_TEXT: return store_text(MEMBER(o, spec->offset, char *), text, where, err);
    case OPTION_FORMATS: return store_formats(MEMBER(o, spec->offset, char *), text, where, err);
    case OPTION_NAMES: return store_names(o, spec, text, where, err);
    case OPTION_ENVS: return store_env(MEMBER(o, spec->offset, struct strv), text, where, err);
    case OPTION_IGNORED: *MEMBER(o, spec->offset, bool) = true; return 0;
    case OPTION_CONFIG: return 0;
    }
    return 0;
}
