/* buf: growing bytes. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

/* All zero is an empty buffer. data may be NULL while len is 0. Not NUL-terminated. */
struct buf {
    char *data;
    size_t len;
    size_t capacity;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for len more bytes behind b->len; returns where they go. The caller then raises b->len. */
char *buf_reserve(struct buf *b, size_t len);

/* Drops len bytes at the front; len <= b->len. */
void buf_consume(struct buf *b, size_t len);

/* Frees; b is empty and usable again. */
void buf_free(struct buf *b);

#endif
