/* buf: growing bytes. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char *buf_reserve(struct buf *b, size_t len)
{
    if (len > b->capacity - b->len) {
        size_t want = len > SIZE_MAX / 2 - b->len ? SIZE_MAX : b->len + len;

        if (want < 2 * b->capacity)
            want = 2 * b->capacity;
        b->data = mem_realloc(b->data, want < 64 ? 64 : want, 1);
        b->capacity = want < 64 ? 64 : want;
    }
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (!len)
        return;
    memcpy(buf_reserve(b, len), data, len);
    b->len += len;
}

void buf_addf(struct buf *b, const char *format, ...)
{
    enum { MOSTLY = 64 }; /* bytes that most texts need less than */
    char *to = buf_reserve(b, MOSTLY);
    size_t room = b->capacity - b->len;
    char *text;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(to, room, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < room) {
        b->len += (size_t)len;
        return;
    }
    va_start(args, format);
    text = mem_vprintf(format, args);
    va_end(args);
    buf_add(b, text, strlen(text));
    free(text);
}

void buf_consume(struct buf *b, size_t len)
{
    if (!len)
        return;
    b->len -= len;
    memmove(b->data, b->data + len, b->len);
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}
