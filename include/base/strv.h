/* strv: a growing vector of strings, NULL-terminated so that it serves as argv or envp. */
#ifndef BASE_STRV_H
#define BASE_STRV_H

#include <stddef.h>

/* All zero is an empty vector. Owns its strings. items is NULL, or items[n] == NULL. */
struct strv {
    char **items;
    size_t n;
    size_t capacity;
};

/* Appends a copy. */
void strv_add(struct strv *v, const char *text);
void strv_addf(struct strv *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends copies of all of from's strings. */
void strv_add_all(struct strv *v, const struct strv *from);

/* Frees everything; v is empty and usable again. */
void strv_free(struct strv *v);

/* For a vector of NAME=VALUE, an environment. set: replaces the item of the same NAME in place, or
 * appends; name_value contains '='. get: the value inside v (not a copy), or NULL. */
void strv_env_set(struct strv *v, const char *name_value);
void strv_env_setf(struct strv *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *strv_env_get(const struct strv *v, const char *name);

/* The value of NAME in an environment that ends with NULL, or NULL. Borrowed. */
const char *strv_env_value(char **envp, const char *name);

#endif
