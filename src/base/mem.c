/* mem: allocation that never returns NULL; see the header for what running out means. */
#include "base/mem.h"

#include <stdarg.h>
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

char *mem_strdup(const char *text)
{
    return text ? checked(strdup(text)) : NULL;
}

char *mem_strndup(const char *text, size_t len)
{
    return checked(strndup(text, len));
}

char *mem_printf(const char *format, ...)
{
    char *text;
    va_list args;
    int len;

    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    return checked(len < 0 ? NULL : text);
}
