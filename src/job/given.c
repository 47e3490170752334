/* given: a list of options and their texts from one source, and the environment as such a source.
 * Does not know which source wins.
 */
#include "job/given.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "job/options_store.h"

void given_add(struct given *g, const struct option_spec *spec, const char *text, size_t len)
{
    g->items = mem_grow(g->items, g->n, &g->capacity, sizeof(*g->items));
    g->items[g->n++] = (struct given_item){spec, mem_strndup(text, len)};
}

const char *given_last(const struct given *g, const struct option_spec *spec)
{
    for (size_t i = g->n; i-- > 0;)
        if (g->items[i].spec == spec)
            return g->items[i].text;
    return NULL;
}

void given_where(char *out, size_t size, const struct given *g, const struct option_spec *spec)
{
    if (g->source == GIVEN_ARGV) {
        snprintf(out, size, "--%s", spec->name);
    } else if (g->source == GIVEN_FILE) {
        snprintf(out, size, "%s: \"%s\"", g->path, spec->name);
    } else {
        snprintf(out, size, GIVEN_ENVIRONMENT_PREFIX "%s", spec->name);
        for (; *out; out++)
            *out = (char)toupper((unsigned char)*out);
    }
}

static void clear_list(struct options *o, const struct option_spec *spec)
{
    if (spec->kind == OPTION_ENVS || spec->kind == OPTION_NAMES)
        strv_free(OPTION_MEMBER(o, spec->offset, struct strv));
    if (spec->kind == OPTION_NAMES)
        *OPTION_MEMBER(o, spec->none_offset, bool) = false;
}

int given_store(const struct given *g, struct options *o, struct err *err)
{
    bool seen[OPTIONS_TABLE_MAX] = {false};

    for (size_t i = 0; i < g->n; i++) {
        const struct option_spec *spec = g->items[i].spec;
        char where[1024];

        if (!seen[spec - options_table])
            clear_list(o, spec);
        seen[spec - options_table] = true;
        given_where(where, sizeof(where), g, spec);
        if (options_store(o, spec, g->items[i].text, where, err))
            return -1;
    }
    return 0;
}

void given_free(struct given *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->items[i].text);
    free(g->items);
    free(g->command);
    strv_free(&g->argv);
    g->items = NULL;
    g->command = NULL;
    g->n = g->capacity = 0;
}

int given_unknown(const char *where, const char *name, size_t len, struct err *err)
{
    const struct option_spec *nearest = options_table_nearest(name, len);

    if (nearest)
        return err_set(err, EXIT_USAGE, "there is no option %s; the nearest is --%s", where,
                       nearest->name);
    return err_set(err, EXIT_USAGE, "there is no option %s; 'dgl-mpilaunch --help' shows all",
                   where);
}

/* Splits the assignments in one variable: at line breaks if there are any, else at blanks. */
static void split_assignments(struct given *g, const struct option_spec *spec, const char *value)
{
    const char *separators = strchr(value, '\n') ? "\n" : " \t";

    for (value += strspn(value, separators); *value; value += strspn(value, separators)) {
        size_t len = strcspn(value, separators);

        given_add(g, spec, value, len);
        value += len;
    }
}

int given_read_environment(struct given *g, char **envp, struct err *err)
{
    size_t prefix = strlen(GIVEN_ENVIRONMENT_PREFIX);

    for (; *envp; envp++) {
        char name[64] = "", shown[TEXT_EXCERPT_SIZE];
        size_t len = strcspn(*envp, "=");
        const struct option_spec *spec;

        if (strncmp(*envp, GIVEN_ENVIRONMENT_PREFIX, prefix) || !(*envp)[len] || !(*envp)[len + 1])
            continue; /* not an option, or empty, which counts as unset */
        for (size_t i = prefix; i < len && i - prefix < sizeof(name) - 1; i++)
            name[i - prefix] = (char)tolower((unsigned char)(*envp)[i]);
        spec = options_table_find(name, strlen(name));
        if (!spec || spec->not_in_file)
            return given_unknown(text_excerpt(shown, *envp, len), name, strlen(name), err);
        if (spec->kind == OPTION_ENVS)
            split_assignments(g, spec, *envp + len + 1);
        else
            given_add(g, spec, *envp + len + 1, strlen(*envp + len + 1));
    }
    return 0;
}
