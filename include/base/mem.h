/* mem: allocation that never returns NULL.
 * When memory runs out, abort(3) ends the process. If that is a keeper, the kernel kills its
 * children (PR_SET_PDEATHSIG), and the rank, a subreaper too, ends their descendants.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#define MEM_NEVER_NULL __attribute__((returns_nonnull))

/* count * size zeroed bytes, overflow-checked. The caller frees with free(3). */
MEM_NEVER_NULL void *mem_calloc(size_t count, size_t size);

/* Grows or shrinks to count * size bytes, overflow-checked; new bytes are not zeroed. */
MEM_NEVER_NULL void *mem_realloc(void *old, size_t count, size_t size);

/* items with room for one more behind the first n; *capacity is raised when it has to grow. */
MEM_NEVER_NULL void *mem_grow(void *items, size_t n, size_t *capacity, size_t size);

/* Copies of a string; the caller frees. mem_strdup(NULL) is NULL. */
char *mem_strdup(const char *text);
MEM_NEVER_NULL char *mem_strndup(const char *text, size_t len);
MEM_NEVER_NULL char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
MEM_NEVER_NULL char *mem_vprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

#endif
