/* regrouping: as bytes. */
#include "wire/regrouping.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/field.h"

#define OF(member, max) FIELD_OF(FIELD_NUMBER, struct regrouping, member, 0, max)

static const struct field fields[] = {
    OF(attempt, INT_MAX),
    OF(rank, INT_MAX),
    OF(machine, INT_MAX),
};

void message_pack_regrouping(struct buf *out, const struct regrouping *r)
{
    FIELD_PACK(out, r, fields);
    pack_u32(out, (uint32_t)r->n);
    for (int i = 0; i < r->n; i++) {
        pack_u32(out, (uint32_t)r->members[i]);
        pack_u32(out, r->places[i].address);
        pack_u32(out, (uint32_t)r->places[i].port);
    }
}

int message_unpack_regrouping(const char *data, size_t len, struct regrouping *r)
{
    struct unpack u = {.at = data, .left = len};
    uint32_t n;

    *r = (struct regrouping){0};
    FIELD_UNPACK(&u, r, fields);
    n = unpack_count(&u, 12);
    r->members = mem_calloc(n, sizeof(*r->members));
    r->places = mem_calloc(n, sizeof(*r->places));
    r->n = (int)n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = unpack_u32(&u), address = unpack_u32(&u), port = unpack_u32(&u);

        u.bad |= number > INT_MAX || port < 1 || port > UINT16_MAX;
        r->members[i] = (int)number;
        r->places[i] = (struct place){.address = address, .port = (int)port};
    }
    return u.bad || u.left || r->rank >= r->n || r->machine >= r->n ? -1 : 0;
}

void regrouping_clear(struct regrouping *r)
{
    free(r->members);
    free(r->places);
    *r = (struct regrouping){0};
}
