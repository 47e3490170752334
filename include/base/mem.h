/* mem: allocation that never returns NULL.
 * Out of memory ends the process by abort(3): a keeper's children then die by PR_SET_PDEATHSIG and
 * the rank, a subreaper too, clears the rest.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#define MEM_NEVER_NULL __attribute__((returns_nonnull))

/* count * size zeroed bytes, overflow-checked. The caller frees with free(3). */
MEM_NEVER_NULL void *mem_calloc(size_t count, size_t size);

/* Grows or shrinks to count * size bytes, overflow-checked; new bytes are not zeroed. */
MEM_NEVER_NULL void *mem_realloc(void *old, size_t count, size_t size);

/* Copies of a string; the caller frees. mem_strdup(NULL) is NULL. */
char *mem_strdup(const char *text);
MEM_NEVER_NULL char *mem_strndup(const char *text, size_t len);
MEM_NEVER_NULL char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
