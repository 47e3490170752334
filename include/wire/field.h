/* field: reading of fields that the wire room's own decoders share. Private to the room.
 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include <limits.h>
#include <stdint.h>

#include "wire/pack.h"

/* Times in ms and sizes in KiB that are larger than this are refused: a JSON number holds them
 * exactly, and a few of them can be added without overflow. */
#define FIELD_LARGEST (INT64_C(1) << 53)

/* A number within [min, max]; else bad and 0. */
static inline int64_t field_i64(struct unpack *u, int64_t min, int64_t max)
{
    int64_t value = unpack_i64(u);

    if (value >= min && value <= max)
        return value;
    u->bad = true;
    return 0;
}

static inline int field_int(struct unpack *u, int min, int max)
{
    return (int)field_i64(u, min, max);
}

/* A text that must not be NULL; else bad. */
static inline char *field_text(struct unpack *u)
{
    char *text = unpack_text(u);

    if (!text)
        u->bad = true;
    return text;
}

#endif
