/* messages: one short handler each. A handler changes the state; gates and closing follow from it.
 */
#include "coord/messages.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "coord/alarm.h"
#include "coord/asking.h"
#include "coord/attempt.h"
#include "coord/preempt.h"
#include "coord/regroup.h"
#include "coord/relay.h"
#include "coord/remains.h"
#include "coord/stall.h"
#include "coord/tell.h"
#include "wire/pack.h"
#include "wire/slice.h"

/* ---- the keeper ---- */

/* The other side has another version, or a fault. */
static void fail_unreadable(struct coord *c, const char *text)
{
    coord_fail(c, coord_own_cause(c, HOW_LAUNCHER, 0, EXIT_LAUNCHER, text));
}

static void on_reached(struct coord *c, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t reached = unpack_u32(&u);
    bool known = reached == STAGE_LISTENING || reached == STAGE_ENDED || reached == STAGE_OVER;

    if (c->run.stage >= STAGE_OVER || (c->run.stage == STAGE_STOP && reached != STAGE_OVER))
        return; /* a stop has overtaken it */
    if (u.bad || !known || !course_may(c->run.stage, reached))
        fail_unreadable(c, "what the keeper has reached is out of its turn");
    if (known && course_may(c->run.stage, reached)) /* also OVER behind the stop that follows */
        coord_enter(c, reached);
}

/* Makes raw text a string, inside payload. */
static const char *text_of(struct buf *payload)
{
    buf_add(payload, "", 1);
    return payload->data;
}

static void on_foreign(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t address = unpack_u32(&u), port = unpack_u32(&u);

    if (!u.bad)
        root_foreign(c->root, from, address, port);
}

static void on_still(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    int attempt = (int)unpack_u32(&u);
    bool still = unpack_u32(&u) != 0;

    if (!u.bad && attempt == c->attempt)
        root_still(c->root, from, still);
}

/* One of an earlier attempt came late, behind a rank that had been stopped. */
static void on_outcome(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    int attempt = (int)unpack_u32(&u);
    struct outcome outcome = {0};

    if (!u.bad && attempt != c->attempt)
        return;
    if (u.bad || message_unpack_outcome(u.at, u.left, &outcome))
        fail_unreadable(c, "an outcome that came from another rank cannot be read");
    root_outcome(c->root, from, &outcome);
}

void coord_on_for_root(struct coord *c, int from, enum message_type type, struct buf *payload)
{
    struct waiting waiting;
    struct cause *cause;

    switch (type) {
    case MESSAGE_WAITING:
        if (message_unpack_waiting(payload->data, payload->len, &waiting))
            fail_unreadable(c, "whom another rank waits for cannot be read");
        root_waiting(c->root, from, &waiting);
        break;
    case MESSAGE_PROGRAM: root_program(c->root, from, text_of(payload)); break;
    case MESSAGE_OUTPUT:
        console_output(root_console(c->root), from, payload->data, payload->len);
        break;
    case MESSAGE_NOTICE:
        if (payload->len)
            root_notice(c->root, from, text_of(payload));
        break;
    case MESSAGE_FOREIGN: on_foreign(c, from, payload); break;
    case MESSAGE_STILL: on_still(c, from, payload); break;
    case MESSAGE_ASK: coord_ask(c, true); break;
    case MESSAGE_STATE: coord_on_state(c, from, payload); break;
    case MESSAGE_LEFT:
        cause = message_unpack_cause(payload->data, payload->len);
        if (cause)
            root_left(c->root, from, cause);
        break;
    case MESSAGE_OUTCOME: on_outcome(c, from, payload); break;
    default: break;
    }
}

static void on_keeper(struct coord *c, enum message_type type, struct buf *payload)
{
    struct cause *cause;

    switch (type) {
    case MESSAGE_REACHED: on_reached(c, payload); break;
    case MESSAGE_FAILED:
        cause = message_unpack_cause(payload->data, payload->len);
        if (cause)
            coord_fail(c, cause);
        break;
    case MESSAGE_OUTCOME: /* kept: the cause goes with it */
        outcome_clear(&c->run.outcome);
        if (message_unpack_outcome(payload->data, payload->len, &c->run.outcome))
            fail_unreadable(c, "the keeper's outcome cannot be read");
        break;
    case MESSAGE_FOLDER:
        folder_clear(&c->job_dir);
        if (message_unpack_folder(payload->data, payload->len, &c->job_dir))
            fail_unreadable(c, "the keeper's folder cannot be read");
        break;
    case MESSAGE_NOTICE: log_notice("%s", text_of(payload)); break;
    case MESSAGE_PONG: break; /* heard */
    default:
        if (c->root)
            coord_on_for_root(c, 0, type, payload);
        else
            coord_tell_root(c, type, payload);
    }
}

bool coord_pump_keeper(struct coord *c)
{
    bool any = false;
    enum message_type type;
    struct buf payload;
    int rc;

    keeper_link_pump(&c->keeper);
    while ((rc = keeper_link_next(&c->keeper, &type, &payload)) == 1) {
        silence_heard(&c->keeper_silence, clock_ms());
        on_keeper(c, type, &payload);
        buf_free(&payload);
        any |= type != MESSAGE_PONG;
    }
    if ((rc < 0 || c->keeper.gone) && c->keeper.keeper.fd >= 0) {
        close(c->keeper.keeper.fd);
        c->keeper.keeper.fd = -1;
        coord_on_keeper_gone(c);
        any = true;
    }
    return any;
}

/* ---- the other coordinators ---- */

static void know_neighbour(struct coord *c, int link, uint32_t machine, int doorbell, uint64_t word,
                           char *host)
{
    struct neighbour *neighbour = &c->neighbours[link];

    neighbour->machine = (int)machine;
    neighbour->host = host;
    neighbour->address = c->setup->meeting->announce.hosts.items[machine].address;
    neighbour->doorbell = doorbell;
    neighbour->word = word;
    coord_ring(c, link);
    coord_write_will(c);
}

static void on_beat(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t machine = unpack_u32(&u), doorbell = unpack_u32(&u);
    uint64_t word = (uint64_t)unpack_i64(&u);
    char *host = unpack_text(&u);
    int link = pulse_link(&c->pulse, from);
    bool known = machine < c->setup->meeting->announce.hosts.n && doorbell <= UINT16_MAX;

    if (link >= 0 && host && known && !c->neighbours[link].host)
        know_neighbour(c, link, machine, (int)doorbell, word, host);
    else
        free(host);
}

static void on_common(struct coord *c, struct buf *payload)
{
    coord_send_to_children(c, MESSAGE_COMMON, payload);
    buf_free(&c->common);
    c->common = *payload;
    *payload = (struct buf){0};
}

/* The common part comes first, by the same way. */
static struct slice *join_slice(const struct coord *c, const struct buf *own)
{
    struct buf whole = {0};
    struct slice *slice;

    buf_add(&whole, c->common.data, c->common.len);
    buf_add(&whole, own->data, own->len);
    slice = message_unpack_slice(whole.data, whole.len);
    buf_free(&whole);
    return slice;
}

static void on_slice(struct coord *c, struct slice *slice)
{
    if (!slice) {
        fail_unreadable(c, "the plan that rank 0 sent cannot be read");
    } else if (slice->attempt > c->attempt) { /* it has overtaken the last gate */
        coord_note_attempt(c, slice->attempt);
        slice_free(c->next_slice);
        c->next_slice = slice;
    } else if (slice->attempt == c->attempt && !c->run.slice) {
        coord_on_slice(c, slice);
    } else {
        slice_free(slice);
    }
}

static void on_hurry(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};

    if ((int)unpack_u32(&u) == c->attempt && !u.bad && ends_stops(c->run.ends))
        coord_hurry(c, from);
}

static void on_preempt(struct coord *c, int from, const struct buf *payload)
{
    struct cause *cause = message_unpack_cause(payload->data, payload->len);

    if (cause)
        coord_preempt(c, cause, from);
}

static void on_leave(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t code = unpack_u32(&u);

    if ((from && from != tree_parent(c->peers->rank)) || u.bad || code > UINT8_MAX)
        return;
    coord_send_to_children(c, MESSAGE_LEAVE, payload);
    c->leave_code = (int)code;
    coord_stop(c, ENDS_ABANDONED, false);
}

static void on_peer(struct coord *c, struct peers_message *message)
{
    switch (message->type) {
    case MESSAGE_ROLL: coord_on_roll(c, message->from, &message->data); break;
    case MESSAGE_SIGN: coord_on_sign(c, &message->data); break;
    case MESSAGE_SEEK: coord_on_seek(c, message->from); break;
    case MESSAGE_ROOT_LIVES: coord_on_root_lives(c, message->from); break;
    case MESSAGE_BEAT: on_beat(c, message->from, &message->data); break;
    case MESSAGE_HERE: coord_answer_here(c, message->from); break;
    case MESSAGE_ALARM: coord_on_alarm(c, message->from, &message->data); break;
    case MESSAGE_LEAVE: on_leave(c, message->from, &message->data); break;
    case MESSAGE_REGROUP: coord_on_regroup(c, &message->data); break;
    case MESSAGE_HURRY: on_hurry(c, message->from, &message->data); break;
    case MESSAGE_PREEMPT: on_preempt(c, message->from, &message->data); break;
    case MESSAGE_CREDIT:
        if (c->keeper.keeper.fd >= 0)
            keeper_link_send(&c->keeper, MESSAGE_CREDIT, message->data.data, message->data.len);
        break;
    case MESSAGE_COMMON: on_common(c, &message->data); break;
    case MESSAGE_SLICE: on_slice(c, join_slice(c, &message->data)); break;
    default:
        if (c->root)
            coord_on_for_root(c, message->from, message->type, &message->data);
        else if (message->type == MESSAGE_ASK)
            coord_on_ask(c, &message->data);
    }
}

/* What has come from a neighbour may be another rank's. */
static void on_message(struct coord *c, struct peers_message *message)
{
    if (message->type == MESSAGE_UP) {
        if (!coord_on_up(c, &message->from, &message->type, &message->data))
            return;
        root_heard(c->root, message->from, c->heard);
    } else if (message->type == MESSAGE_DOWN) {
        message->from = 0;
        if (!coord_on_down(c, &message->type, &message->data))
            return;
    }
    on_peer(c, message);
}

bool coord_pump_peers(struct coord *c)
{
    struct peers_message message;
    bool any = false;
    int rc;

    while ((rc = peers_receive(c->peers, &message)) == 1) {
        c->heard = clock_ms();
        c->answered = true;
        pulse_heard(&c->pulse, message.from, c->heard);
        if (message.from == 0)
            coord_root_lives(c);
        if (c->root)
            root_heard(c->root, message.from, c->heard);
        any |= message.type != MESSAGE_BEAT;
        on_message(c, &message);
        buf_free(&message.data);
    }
    if (rc < 0 && c->run.ends < ENDS_PEER_LOST)
        coord_on_mpi_error(c);
    return any;
}
