/* options_store: checks one value by its option's kind, and stores it. Knows of the value's source
 * only the words for the error.
 */
#include "job/options_store.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

enum { ENVS_MOST = 10000 };

#define DIGITS      "0123456789"
#define SHOWN(text) text_excerpt((char[TEXT_EXCERPT_SIZE]){0}, (text), strlen(text))

bool options_is_assignment(const char *text)
{
    size_t i = 0;

    if (isdigit((unsigned char)text[0]))
        return false;
    while (isalnum((unsigned char)text[i]) || text[i] == '_')
        i++;
    return i > 0 && text[i] == '=';
}

static int store_count(int *out, const struct option_spec *spec, const char *text,
                       const char *where, struct err *err)
{
    long value = text_number(text, strlen(text), spec->max);

    if (value < spec->min)
        return err_set(err, EXIT_USAGE, "%s: '%s' is not a whole number from %ld to %ld", where,
                       SHOWN(text), spec->min, spec->max);
    *out = (int)value;
    return 0;
}

static int store_size(int64_t *out, const char *text, const char *where, struct err *err)
{
    static const char units[] = "KMGT";
    size_t len = strspn(text, DIGITS);
    int64_t value = text_number(text, len, 1L << 52);
    const char *unit = text[len] ? strchr(units, toupper((unsigned char)text[len])) : NULL;
    int bits = unit ? 10 * (int)(unit - units + 1) : 0;

    if (value < 1 || value > INT64_MAX >> bits || text[len + (unit != NULL)])
        return err_set(err, EXIT_USAGE,
                       "%s: '%s' is not a number of bytes, such as 500M or 8G (K, M, G, T)", where,
                       SHOWN(text));
    *out = value << bits;
    return 0;
}

static int store_port(int *out, const char *text, const char *where, struct err *err)
{
    long value = text_number(text, strlen(text), UINT16_MAX);

    if (!strcasecmp(text, "auto"))
        value = PORT_AUTO;
    else if (value < 1)
        return err_set(err, EXIT_USAGE, "%s: '%s' is neither a port from 1 to %d nor 'auto'", where,
                       SHOWN(text), UINT16_MAX);
    *out = (int)value;
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

/* Milliseconds of the digits behind the point, rounded up: 0.0001 must not become 0, which means
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
    size_t len = strspn(text, DIGITS);
    const char *end = text + len;
    bool only_fraction = !len && *text == '.' && isdigit((unsigned char)text[1]);
    long seconds = only_fraction ? 0 : text_number(text, len, spec->max), ms = 0;

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

/* Is it one name of len bytes, perhaps with a '*' at its end? */
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
    struct strv *names = OPTION_MEMBER(o, spec->offset, struct strv);
    bool *none = OPTION_MEMBER(o, spec->none_offset, bool);

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
    case OPTION_FLAG: return store_flag(OPTION_MEMBER(o, spec->offset, bool), text, where, err);
    case OPTION_COUNT:
        return store_count(OPTION_MEMBER(o, spec->offset, int), spec, text, where, err);
    case OPTION_SIZE: return store_size(OPTION_MEMBER(o, spec->offset, int64_t), text, where, err);
    case OPTION_CHOICE:
        return store_choice(OPTION_MEMBER(o, spec->offset, int), spec, text, where, err);
    case OPTION_PORT: return store_port(OPTION_MEMBER(o, spec->offset, int), text, where, err);
    case OPTION_SECONDS:
        return store_seconds(OPTION_MEMBER(o, spec->offset, long), spec, text, where, err);
    case OPTION_TEXT: return store_text(OPTION_MEMBER(o, spec->offset, char *), text, where, err);
    case OPTION_FORMATS:
        return store_formats(OPTION_MEMBER(o, spec->offset, char *), text, where, err);
    case OPTION_NAMES: return store_names(o, spec, text, where, err);
    case OPTION_ENVS:
        return store_env(OPTION_MEMBER(o, spec->offset, struct strv), text, where, err);
    case OPTION_IGNORED: *OPTION_MEMBER(o, spec->offset, bool) = true; return 0;
    case OPTION_CONFIG: return 0;
    }
    return 0;
}
