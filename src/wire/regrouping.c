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
    OF(port, UINT16_MAX),
};

void message_pack_regrouping(struct buf *out, const struct regrouping *r)
{
    FIELD_PACK(out, r, fields);
    pack_u32(out, r->address);
    pack_u32(out, (uint32_t)r->n);
    for (int i = 0; i < r->n; i++)
        pack_u32(out, (uint32_t)r->members[i]);
}

int message_unpack_regrouping(const char *data, size_t len, struct regrouping *r)
{
    struct unpack u = {.at = data, .left = len};
    uint32_t n;

    *r = (struct regrouping){0};
    FIELD_UNPACK(&u, r, fields);
    r->address = unpack_u32(&u);
    n = unpack_count(&u, 4);
    r->members = mem_calloc(n, sizeof(*r->members));
    r->n = (int)n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = unpack_u32(&u);

        u.bad |= number > INT_MAX;
        r->members[i] = (int)number;
    }
    return u.bad || u.left || r->rank >= r->n || r->machine >= r->n || !r->port ? -1 : 0;
}

void regrouping_clear(struct regrouping *r)
{
    free(r->members);
    *r = (struct regrouping){0};
}
