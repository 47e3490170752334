/* pack: numbers and texts <-> bytes, little-endian. Checks every length before it uses it. Knows no
 * message.
 */
#include "wire/pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NULL_TEXT UINT32_MAX /* in place of a length */

void pack_u32(struct buf *b, uint32_t value)
{
    unsigned char *to = (unsigned char *)buf_reserve(b, 4);

    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (8 * i));
    b->len += 4;
}

void pack_i64(struct buf *b, int64_t value)
{
    pack_u32(b, (uint32_t)((uint64_t)value & UINT32_MAX));
    pack_u32(b, (uint32_t)((uint64_t)value >> 32));
}

void pack_text(struct buf *b, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (!text) {
        pack_u32(b, NULL_TEXT);
        return;
    }
    if (len >= NULL_TEXT) /* no receiver takes it; but the bytes stay well formed */
        len = NULL_TEXT - 1;
    pack_u32(b, (uint32_t)len);
    buf_add(b, text, len);
}

void pack_strv(struct buf *b, const struct strv *v)
{
    pack_u32(b, (uint32_t)v->n);
    for (size_t i = 0; i < v->n; i++)
        pack_text(b, v->items[i]);
}

/* The next len bytes, or NULL. */
static const char *take(struct unpack *u, size_t len)
{
    const char *from = u->at;

    if (u->bad || len > u->left) {
        u->bad = true;
        return NULL;
    }
    if (len) { /* u->at may be NULL when len is 0 */
        u->at += len;
        u->left -= len;
    }
    return from;
}

uint32_t unpack_u32(struct unpack *u)
{
    const unsigned char *from = (const unsigned char *)take(u, 4);
    uint32_t value = 0;

    for (int i = 0; from && i < 4; i++)
        value |= (uint32_t)from[i] << (8 * i);
    return value;
}

int64_t unpack_i64(struct unpack *u)
{
    uint64_t low, high;

    if (u->left < 8)
        u->bad = true;
    low = unpack_u32(u);
    high = unpack_u32(u);
    return (int64_t)(high << 32 | low);
}

int64_t unpack_range(struct unpack *u, int64_t min, int64_t max)
{
    int64_t value = unpack_i64(u);

    if (value >= min && value <= max)
        return value;
    u->bad = true;
    return 0;
}

char *unpack_text(struct unpack *u)
{
    uint32_t len = unpack_u32(u);
    const char *from;

    if (u->bad || len == NULL_TEXT)
        return NULL;
    from = take(u, len);
    if (u->bad)
        return NULL;
    if (len && memchr(from, '\0', len)) {
        u->bad = true;
        return NULL;
    }
    return len ? mem_strndup(from, len) : mem_strdup("");
}

char *unpack_needed_text(struct unpack *u)
{
    char *text = unpack_text(u);

    if (!text)
        u->bad = true;
    return text;
}

void unpack_strv(struct unpack *u, struct strv *v)
{
    uint32_t n = unpack_count(u, 4);

    for (uint32_t i = 0; i < n && !u->bad; i++) {
        char *item = unpack_needed_text(u); /* a vector ends at its first NULL */

        if (item)
            strv_add(v, item);
        free(item);
    }
}

uint32_t unpack_count(struct unpack *u, size_t min_size)
{
    uint32_t n = unpack_u32(u);

    if (u->bad || (min_size && n > u->left / min_size)) {
        u->bad = true;
        return 0;
    }
    return n;
}
