/* field: a struct as a table of its fields in the order in which they travel. One table serves the
 * packer and the unpacker. Private to the room.
 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/pack.h"

/* The largest time in ms and size in KiB that is taken: a JSON number holds it exactly, and a few
 * of them can be added without overflow. */
#define FIELD_LARGEST (INT64_C(1) << 53)

enum field_kind {
    FIELD_NUMBER,   /* int, enum or int64_t in min..max */
    FIELD_TEXT,     /* char *, not NULL */
    FIELD_OPTIONAL, /* char * or NULL */
    FIELD_STRV,
    FIELD_ENV, /* struct strv of NAME=VALUE */
};

struct field {
    enum field_kind kind;
    size_t offset, size;
    int64_t min, max;
};

#define FIELD_OF(kind, type, member, min, max)                                                     \
    {                                                                                              \
        kind, offsetof(type, member), sizeof(((type *)NULL)->member), min, max                     \
    }

void field_pack(struct buf *out, const void *from, const struct field *fields, size_t n);

/* *to is all zero before. Sets u->bad where a field is not as the table says. */
void field_unpack(struct unpack *u, void *to, const struct field *fields, size_t n);

/* The same with a table whose size is known. */
#define FIELD_PACK(out, from, table) field_pack(out, from, table, FIELD_COUNT(table))
#define FIELD_UNPACK(u, to, table)   field_unpack(u, to, table, FIELD_COUNT(table))
#define FIELD_COUNT(table)           (sizeof(table) / sizeof((table)[0]))

#endif
