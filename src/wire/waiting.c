/* waiting: whom a machine waits for, as bytes. */
#include "wire/waiting.h"

#include <limits.h>

#include "wire/pack.h"

enum { AWAITED_SIZE = 32 }; /* bytes, packed */

void message_pack_waiting(struct buf *out, const struct waiting *waiting)
{
    pack_i64(out, waiting->role);
    pack_i64(out, waiting->of);
    pack_i64(out, waiting->left);
    pack_u32(out, (uint32_t)waiting->n);
    for (int i = 0; i < waiting->n; i++) {
        pack_i64(out, waiting->items[i].id);
        pack_i64(out, waiting->items[i].pid);
        pack_i64(out, waiting->items[i].port);
        pack_i64(out, waiting->items[i].silent_ms);
    }
}

static void unpack_awaited(struct unpack *u, struct awaited *awaited)
{
    awaited->id = unpack_int(u, 0, INT_MAX);
    awaited->pid = unpack_int(u, 0, INT_MAX);
    awaited->port = unpack_int(u, 0, UINT16_MAX);
    awaited->silent_ms = unpack_range(u, -1, PACK_LARGEST);
}

int message_unpack_waiting(const char *data, size_t len, struct waiting *waiting)
{
    struct unpack u = {.at = data, .left = len};
    uint32_t n;

    *waiting = (struct waiting){0};
    waiting->role = (enum role)unpack_int(&u, ROLE_SERVER, ROLE_TRAINER);
    waiting->of = unpack_int(&u, 0, INT_MAX);
    waiting->left = unpack_int(&u, 0, waiting->of);
    n = unpack_count(&u, AWAITED_SIZE);
    u.bad |= n > WAITING_MOST || n > (uint32_t)waiting->left;
    for (; !u.bad && waiting->n < (int)n; waiting->n++)
        unpack_awaited(&u, &waiting->items[waiting->n]);
    if (!u.bad && !u.left)
        return 0;
    *waiting = (struct waiting){0};
    return -1;
}
