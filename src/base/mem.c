/* mem: allocation that never returns NULL. */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
    static const char text[] = "dgl-mpilaunch: out of memory\n";

    if (p)
        return p;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        abort();
    abort();
}

void *mem_calloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *mem_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        checked(NULL);
    return checked(realloc(old, bytes ? bytes : 1));
}

void *mem_grow(void *items, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return items;
    *capacity = *capacity ? 2 * *capacity : 16;
    return mem_realloc(items, *capacity, size);
}

char *mem_strdup(const char *text)
{
    return text ? checked(strdup(text)) : NULL;
}

char *mem_strndup(const char *text, size_t len)
{
    return checked(strndup(text, len));
}

char *mem_vprintf(const char *format, va_list args)
{
    char *text;

    return checked(vasprintf(&text, format, args) < 0 ? NULL : text);
}

char *mem_printf(const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    text = mem_vprintf(format, args);
    va_end(args);
    return text;
}
