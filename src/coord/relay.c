/* relay: see the header. */
#include "coord/relay.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "coord/alarm.h"
#include "coord/closing.h"
#include "coord/tell.h"
#include "wire/pack.h"

enum {
    HEADER = 2 * sizeof(uint32_t), /* of UP and DOWN */
    SEEK_PAUSE_MS = 100,           /* many ranks may ask one at the same time */
    SENT_MS = 200
};

static bool unwrap(const struct coord *c, const struct buf *payload, int *rank,
                   enum message_type *type)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t number = unpack_u32(&u), what = unpack_u32(&u);

    *rank = (int)number;
    *type = what;
    return !u.bad && number < (uint32_t)c->peers->size && what < MESSAGE_COUNT;
}

/* The user is told of another program than rank 0's. So one that this rank runs too goes no
 * further. */
static bool is_told_already(const struct coord *c, enum message_type type,
                            const struct buf *payload)
{
    size_t len = c->program ? strlen(c->program) : 0;

    return type == MESSAGE_PROGRAM && c->program && payload->len == HEADER + len &&
           !memcmp(payload->data + HEADER, c->program, len);
}

bool coord_on_up(struct coord *c, int *from, enum message_type *type, struct buf *payload)
{
    if (!unwrap(c, payload, from, type))
        return false;
    if (c->root) {
        buf_consume(payload, HEADER);
        return true;
    }
    if (!is_told_already(c, *type, payload))
        coord_send(c, c->uplink, MESSAGE_UP, payload);
    return false;
}

bool coord_on_down(struct coord *c, enum message_type *type, struct buf *payload)
{
    int to, next;

    if (!unwrap(c, payload, &to, type))
        return false;
    if (to == c->peers->rank) {
        buf_consume(payload, HEADER);
        return true;
    }
    next = tree_next(c->peers->rank, to);
    if (next > c->peers->rank)
        coord_send(c, next, MESSAGE_DOWN, payload);
    return false;
}

/* ---- the way to rank 0 ---- */

/* What failed here may have got no further than the parent, too. */
static void tell_cause(struct coord *c)
{
    const struct cause *cause = coord_known_cause(c);
    struct buf data = {0};

    if (!cause)
        return;
    coord_pack_alarm(c, cause, &data);
    coord_send(c, 0, MESSAGE_ALARM, &data);
    buf_free(&data);
}

void coord_leave_parent(struct coord *c)
{
    if (!c->uplink)
        return;
    c->uplink = 0;
    tell_cause(c);
    if (c->run.stage >= STAGE_SENT)
        coord_tell_outcome(c);
}

void coord_go_round(struct coord *c, int machine)
{
    if (c->peers->rank && machine >= 0 && c->neighbours[0].host &&
        c->neighbours[0].machine == machine)
        coord_leave_parent(c);
}

/* ---- the roll ---- */

static void sign(struct coord *c)
{
    struct buf data = {0};

    pack_u32(&data, (uint32_t)c->peers->rank);
    coord_send(c, c->uplink, MESSAGE_SIGN, &data);
    buf_free(&data);
}

void coord_on_roll(struct coord *c, int from, const struct buf *payload)
{
    if (!from) /* it has heard nothing, so that the parent passes nothing on */
        coord_leave_parent(c);
    if (payload->len)
        coord_on_alarm(c, from, payload);
    if (c->run.stage < STAGE_SENT || !from)
        sign(c);
    coord_send_to_children(c, MESSAGE_ROLL, payload);
}

void coord_on_sign(struct coord *c, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t rank = unpack_u32(&u);

    if (u.bad || rank >= (uint32_t)c->peers->size)
        return;
    if (c->root)
        root_heard(c->root, (int)rank, clock_ms());
    else
        coord_send(c, c->uplink, MESSAGE_SIGN, payload);
}

/* ---- does rank 0 live? ---- */

void coord_seek_root(struct coord *c)
{
    c->sought = clock_ms();
    c->seeks_again = false;
    coord_send(c, c->uplink, MESSAGE_SEEK, NULL);
}

void coord_on_seek(struct coord *c, int from)
{
    if (c->root)
        coord_send(c, from, MESSAGE_ROOT_LIVES, NULL);
    else
        c->seeks_again = true;
}

void coord_pass_on_seeking(struct coord *c, int64_t now)
{
    if (c->seeks_again && now - c->sought >= SEEK_PAUSE_MS)
        coord_seek_root(c);
}

void coord_root_lives(struct coord *c)
{
    c->root_heard = clock_ms();
    c->run.awaits_root = false;
}

void coord_on_root_lives(struct coord *c, int from)
{
    if (from && from != c->uplink)
        return;
    coord_root_lives(c);
    coord_send_to_children(c, MESSAGE_ROOT_LIVES, NULL);
}

/* ---- to all, past a gap ---- */

/* Has rank r's outcome come, and that of the rank which is to pass on what it is told? The latter
 * may have been lost since. */
static bool is_reached(const struct coord *c, int r)
{
    int parent = tree_parent(r), lost = c->run.lost_machine;

    return root_lacks(c->root, r) == CLOCK_NEVER && root_lacks(c->root, parent) == CLOCK_NEVER &&
           (lost < 0 || c->setup->meeting->machine_of[parent] != lost);
}

void coord_tell_survivors(struct coord *c, enum message_type type, const struct buf *data)
{
    int called = 0;

    coord_send_to_children(c, type, data);
    for (int reached = 0; reached < 2; reached++) {
        for (int r = 1; r < c->peers->size && called < CALLED_MOST; r++) {
            if (is_reached(c, r) != reached || (reached && !tree_parent(r)))
                continue;
            coord_send(c, r, type, data);
            called++;
        }
    }
}

void coord_await_sent(struct coord *c)
{
    int64_t end = clock_ms() + SENT_MS;

    while (!peers_all_sent(c->peers) && clock_ms() < end)
        poll(NULL, 0, 1);
}
