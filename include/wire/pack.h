/* pack: values <-> bytes, little-endian, every length checked. Knows no message. */
#ifndef WIRE_PACK_H
#define WIRE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/strv.h"

void pack_u32(struct buf *b, uint32_t value);
void pack_i64(struct buf *b, int64_t value);
void pack_text(struct buf *b, const char *text); /* NULL is kept as NULL */
void pack_strv(struct buf *b, const struct strv *v);

/* A cursor over foreign bytes. The first bad read sets `bad`; from then on reads give 0 or NULL. */
struct unpack {
    const char *at;
    size_t left;
    bool bad;
};

uint32_t unpack_u32(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
char *unpack_text(struct unpack *u);                /* a copy or NULL; no NUL inside is accepted */
char *unpack_needed_text(struct unpack *u);         /* NULL is bad */
void unpack_strv(struct unpack *u, struct strv *v); /* appends to v */

/* A number within [min, max]; else bad and 0. */
int64_t unpack_range(struct unpack *u, int64_t min, int64_t max);

/* A count; bad and 0 when fewer than count * min_size bytes follow. */
uint32_t unpack_count(struct unpack *u, size_t min_size);

#endif
