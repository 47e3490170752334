/* strv: a growing, NULL-terminated vector of strings, with a view as an environment. */
#include "base/strv.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void add_owned(struct strv *v, char *text)
{
    v->items = mem_grow(v->items, v->n + 1, &v->capacity, sizeof(*v->items)); /* and for the NULL */
    v->items[v->n++] = text;
    v->items[v->n] = NULL;
}

void strv_add(struct strv *v, const char *text)
{
    add_owned(v, mem_strdup(text));
}

void strv_addf(struct strv *v, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_owned(v, mem_vprintf(format, args));
    va_end(args);
}

void strv_add_all(struct strv *v, const struct strv *from)
{
    for (size_t i = 0; i < from->n; i++)
        strv_add(v, from->items[i]);
}

void strv_free(struct strv *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct strv){0};
}

/* The index of the variable that name, or NAME=VALUE, names; v->n: none. */
static size_t env_find(const struct strv *v, const char *name)
{
    size_t len = strcspn(name, "=");
    size_t i;

    for (i = 0; i < v->n; i++) /* few begin alike */
        if (v->items[i][0] == name[0] && !strncmp(v->items[i], name, len) &&
            v->items[i][len] == '=')
            break;
    return i;
}

static void env_set_owned(struct strv *v, char *name_value)
{
    size_t i = env_find(v, name_value);

    if (i == v->n) {
        add_owned(v, name_value);
        return;
    }
    free(v->items[i]);
    v->items[i] = name_value;
}

void strv_env_set(struct strv *v, const char *name_value)
{
    env_set_owned(v, mem_strdup(name_value));
}

void strv_env_setf(struct strv *v, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    env_set_owned(v, mem_vprintf(format, args));
    va_end(args);
}

const char *strv_env_get(const struct strv *v, const char *name)
{
    size_t i = env_find(v, name);

    return i == v->n ? NULL : strchr(v->items[i], '=') + 1;
}

const char *strv_env_value(char **envp, const char *name)
{
    size_t len = strlen(name);

    for (; *envp; envp++)
        if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}
