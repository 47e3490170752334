/* alarm: how the coordinators stop as one. The first failure of a machine becomes its cause and an
 * alarm, which overtakes the gates along the links of a binomial tree.
 */
#include "coord/alarm.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/attempt.h"
#include "coord/relay.h"
#include "coord/tell.h"
#include "wire/pack.h"
#include "wire/outcome.h"

void coord_stop(struct coord *c, enum ends reason, bool hurry)
{
    struct buf data = {0};

    coord_raise(c, reason);
    if (c->run.stage == STAGE_IDLE)
        coord_abandon(c); /* the keeper has no plan */
    if (c->run.stage >= STAGE_OVER)
        return;
    if (c->run.stage != STAGE_STOP)
        coord_enter(c, STAGE_STOP);
    pack_u32(&data, hurry);
    keeper_link_send(&c->keeper, MESSAGE_STOP, data.data, data.len);
    buf_free(&data);
}

void coord_pack_alarm(const struct coord *c, const struct cause *cause, struct buf *data)
{
    struct cause *brief = cause_copy(cause);

    strv_free(&brief->last_lines);
    pack_u32(data, (uint32_t)c->attempt);
    message_pack_cause(data, brief);
    cause_free(brief);
}

const struct cause *coord_known_cause(struct coord *c)
{
    int64_t now = clock_ms();

    if (c->run.cause) {
        c->run.cause->age_ms += now - c->run.cause_time;
        c->run.cause_time = now;
    }
    if (c->run.alarm) {
        c->run.alarm->age_ms += now - c->run.alarm_time;
        c->run.alarm_time = now;
    }
    return c->run.cause ? c->run.cause : c->run.alarm;
}

static void send_alarm(struct coord *c, const struct cause *cause, int except)
{
    struct buf data = {0};

    coord_pack_alarm(c, cause, &data);
    coord_send_to_links(c, MESSAGE_ALARM, &data, except);
    if (c->peers->rank && !c->uplink && c->pulse.links[0]) /* the parent passes nothing on */
        coord_send(c, 0, MESSAGE_ALARM, &data);
    buf_free(&data);
}

/* A loss may be made good by a spare machine, so that it hides no other order. */
static bool is_first_order(const struct coord *c, const struct cause *cause)
{
    return !c->order || (c->order->how == HOW_LOST && cause->how != HOW_LOST);
}

void coord_keep_order(struct coord *c, const struct cause *cause)
{
    if (!is_first_order(c, cause))
        return;
    cause_free(c->order);
    c->order = cause_copy(cause);
    c->order_time = clock_ms();
}

static void note_lost(struct coord *c, const struct cause *cause)
{
    c->run.lost_time = clock_ms();
    c->run.awaits_root = true;
    c->run.lost_machine = cause->machine;
    if (c->root)
        return;
    coord_go_round(c, cause->machine);
    coord_seek_root(c); /* if it does not answer, this machine is cut off */
}

/* Raises this rank's end by a cause, and stops. True: other ranks may not know of it yet. */
static bool take_note(struct coord *c, const struct cause *cause)
{
    enum ends reason = ends_of(cause->how, cause->machine == c->setup->meeting->root_machine);
    bool order = ends_job(reason);
    bool news = !ends_stops(c->run.ends) || (order && is_first_order(c, cause));

    if (cause->how == HOW_LOST && c->run.ends < ENDS_PEER_LOST) {
        note_lost(c, cause);
        news = true;
    }
    if (order)
        coord_keep_order(c, cause);
    if (!c->told && (cause->how == HOW_TOLD_TO_STOP || cause->how == HOW_PARENT_GONE))
        c->told = TOLD_OTHERS;
    coord_stop(c, reason, false);
    return news;
}

void coord_fail(struct coord *c, struct cause *cause)
{
    bool news = take_note(c, cause);

    if (news)
        send_alarm(c, cause, -1);
    if (c->run.cause) {
        cause_free(cause);
        return;
    }
    c->run.cause = cause;
    c->run.cause_time = clock_ms();
}

void coord_fail_by_order(struct coord *c)
{
    struct cause *again = cause_copy(c->order);

    again->age_ms += clock_ms() - c->order_time;
    coord_fail(c, again);
}

struct cause *coord_own_cause(const struct coord *c, enum how how, int value, int code,
                              const char *text)
{
    struct cause *cause = mem_calloc(1, sizeof(*cause));

    *cause = (struct cause){.how = how,
                            .machine = c->setup->meeting->machine,
                            .host = mem_strdup(c->setup->meeting->host),
                            .role = ROLE_LAUNCHER,
                            .id = -1,
                            .pid = (int)getpid(),
                            .value = value,
                            .code = code,
                            .text = mem_strdup(text)};
    return cause;
}

void coord_on_mpi_error(struct coord *c)
{
    struct cause *cause = coord_own_cause(
        c, HOW_LOST, 0, EXIT_LAUNCHER, "MPI reports an error on its connection to another machine");

    cause->machine = -1; /* not known; whoever it is may still send its outcome */
    cause->pid = 0;
    coord_fail(c, cause);
}

void coord_heed(struct coord *c, struct cause *cause, int from)
{
    if (take_note(c, cause))
        send_alarm(c, cause, from);
    if (c->run.alarm) {
        cause_free(cause);
        return;
    }
    c->run.alarm = cause;
    c->run.alarm_time = clock_ms();
}

/* An alarm about an earlier attempt is old news; one about a later attempt overtook the last gate.
 */
void coord_on_alarm(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    int attempt = (int)unpack_u32(&u);
    struct cause *cause = u.bad ? NULL : message_unpack_cause(u.at, u.left);

    if (!cause)
        return;
    coord_note_attempt(c, attempt);
    if (attempt == c->attempt || ends_job(ends_of(cause->how, false))) {
        coord_heed(c, cause, from);
    } else if (attempt > c->attempt && !c->next_alarm) {
        c->next_alarm = cause;
    } else {
        cause_free(cause);
    }
}

void coord_hurry(struct coord *c, int from)
{
    struct buf data = {0};

    if (c->run.hurried)
        return;
    c->run.hurried = true;
    coord_stop(c, ENDS_FAILED, true);
    pack_u32(&data, (uint32_t)c->attempt);
    coord_send_to_links(c, MESSAGE_HURRY, &data, from);
    buf_free(&data);
}
