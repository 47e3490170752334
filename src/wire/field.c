/* field: walks a table of fields. Knows no struct. */
#include "wire/field.h"

#include <string.h>

static int64_t get_number(const char *at, size_t size)
{
    int64_t wide;
    int narrow;

    if (size == sizeof(wide))
        return memcpy(&wide, at, size), wide;
    return memcpy(&narrow, at, sizeof(narrow)), narrow;
}

static void put_number(char *at, size_t size, int64_t value)
{
    int narrow = (int)value;

    memcpy(at, size == sizeof(value) ? (void *)&value : &narrow, size);
}

void field_pack(struct buf *out, const void *from, const struct field *fields, size_t n)
{
    for (const struct field *f = fields; f < fields + n; f++) {
        const char *at = (const char *)from + f->offset;

        switch (f->kind) {
        case FIELD_NUMBER: pack_i64(out, get_number(at, f->size)); break;
        case FIELD_TEXT:
        case FIELD_OPTIONAL: pack_text(out, *(char *const *)(const void *)at); break;
        case FIELD_STRV:
        case FIELD_ENV: pack_strv(out, (const struct strv *)(const void *)at); break;
        }
    }
}

static void unpack_env(struct unpack *u, struct strv *v)
{
    unpack_strv(u, v);
    for (size_t i = 0; i < v->n; i++)
        if (!strchr(v->items[i], '=') || v->items[i][0] == '=')
            u->bad = true;
}

void field_unpack(struct unpack *u, void *to, const struct field *fields, size_t n)
{
    for (const struct field *f = fields; f < fields + n; f++) {
        void *at = (char *)to + f->offset;

        switch (f->kind) {
        case FIELD_NUMBER: put_number(at, f->size, unpack_range(u, f->min, f->max)); break;
        case FIELD_TEXT: *(char **)at = unpack_needed_text(u); break;
        case FIELD_OPTIONAL: *(char **)at = unpack_text(u); break;
        case FIELD_STRV: unpack_strv(u, at); break;
        case FIELD_ENV: unpack_env(u, at); break;
        }
    }
}
