/* waiting: whom a machine waits for, as bytes. */
#include "wire/waiting.h"

#include "wire/field.h"

enum { AWAITED_SIZE = 32 }; /* bytes, packed */

#define OF_WAITING(member, max)      FIELD_OF(FIELD_NUMBER, struct waiting, member, 0, max)
#define OF_AWAITED(member, min, max) FIELD_OF(FIELD_NUMBER, struct awaited, member, min, max)

static const struct field waiting_fields[] = {
    OF_WAITING(role, ROLE_TRAINER),
    OF_WAITING(of, INT_MAX),
    OF_WAITING(left, INT_MAX),
};

static const struct field awaited_fields[] = {
    OF_AWAITED(id, 0, INT_MAX),
    OF_AWAITED(pid, 0, INT_MAX),
    OF_AWAITED(port, 0, UINT16_MAX),
    OF_AWAITED(silent_ms, -1, FIELD_LARGEST),
};

void message_pack_waiting(struct buf *out, const struct waiting *waiting)
{
    FIELD_PACK(out, waiting, waiting_fields);
    pack_u32(out, (uint32_t)waiting->n);
    for (int i = 0; i < waiting->n; i++)
        FIELD_PACK(out, &waiting->items[i], awaited_fields);
}

int message_unpack_waiting(const char *data, size_t len, struct waiting *waiting)
{
    struct unpack u = {.at = data, .left = len};
    uint32_t n;

    *waiting = (struct waiting){0};
    FIELD_UNPACK(&u, waiting, waiting_fields);
    n = unpack_count(&u, AWAITED_SIZE);
    u.bad |= waiting->left > waiting->of || n > WAITING_MOST || n > (uint32_t)waiting->left;
    while (!u.bad && waiting->n < (int)n)
        FIELD_UNPACK(&u, &waiting->items[waiting->n++], awaited_fields);
    if (!u.bad && !u.left)
        return 0;
    *waiting = (struct waiting){0};
    return -1;
}
