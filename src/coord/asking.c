/* asking: see the header. */
#include "coord/asking.h"

#include "base/clock.h"
#include "coord/alarm.h"
#include "coord/root_report.h"
#include "coord/stall.h"
#include "coord/tell.h"
#include "wire/pack.h"

enum {
    ANSWER_MS = 2000, /* a machine that has not answered by then is named */
    PAUSE_MS = 300,   /* between two askings: mpirun hands a signal on to all ranks */
    FIRST_MS = 2500,  /* after the start of the trainers: a sample has been taken */
    EVERY_MS = 60000,
    SHARE = 1000 /* of the time between two askings by itself, making the texts may take 1/1000 */
};

void coord_show_state(struct coord *c)
{
    if (c->root)
        coord_ask(c, true);
    else
        coord_tell_root(c, MESSAGE_ASK, NULL);
}

static void ask_keeper(struct coord *c, const struct buf *data)
{
    if (c->keeper.keeper.fd >= 0 && c->run.slice)
        keeper_link_send(&c->keeper, MESSAGE_ASK, data->data, data->len);
}

/* A question that comes while another is under way gets its answer. One that comes right after
 * another's answer was shown has it already. */
static bool may_ask(struct coord *c, bool show, int64_t now)
{
    bool just_done = now - c->asking.done < PAUSE_MS;

    if (c->asking.ends)
        c->asking.shows |= show;
    else if (just_done && !c->asking.shown)
        c->asking.wanted |= show;
    return !c->asking.ends && !just_done && c->run.stage < STAGE_SENT;
}

bool coord_ask(struct coord *c, bool show)
{
    struct buf data = {0};
    int64_t now = clock_ms();

    if (!may_ask(c, show, now))
        return false;
    c->asking.shows = show;
    c->asking.wanted = false;
    c->asking.number++;
    c->asking.ends = now + ANSWER_MS;
    root_forget_told(c->root);
    pack_u32(&data, c->asking.number);
    coord_send_to_children(c, MESSAGE_ASK, &data);
    ask_keeper(c, &data);
    buf_free(&data);
    return true;
}

void coord_on_ask(struct coord *c, const struct buf *payload)
{
    coord_send_to_children(c, MESSAGE_ASK, payload);
    ask_keeper(c, payload);
}

static void finish(struct coord *c, int64_t now)
{
    int64_t began = clock_cpu_us(), least;
    struct cause *cause = NULL;

    root_tell_state(c->root, c->asking.shows);
    least = (clock_cpu_us() - began) * SHARE / 1000;
    if (c->asking.stalls)
        cause = root_tell_stall(c->root, now);
    c->asking.ends = 0;
    c->asking.shown = c->asking.shows;
    c->asking.shows = c->asking.stalls = false;
    c->asking.done = now;
    c->asking.next = now + (EVERY_MS > least ? EVERY_MS : least);
    if (cause)
        coord_fail(c, cause);
}

void coord_on_state(struct coord *c, int from, const struct buf *payload)
{
    struct unpack u = {.at = payload->data, .left = payload->len};
    uint32_t number = unpack_u32(&u);
    struct outcome outcome = {0};

    if (u.bad || message_unpack_outcome(u.at, u.left, &outcome))
        return;
    if (number != c->asking.number || !c->asking.ends)
        outcome_clear(&outcome);
    else if (root_state(c->root, from, &outcome))
        finish(c, clock_ms());
}

void coord_asking_tick(struct coord *c, int64_t now)
{
    if (c->asking.ends && now >= c->asking.ends)
        finish(c, now);
    if (c->asking.wanted)
        coord_ask(c, true);
    if (c->run.stage != STAGE_TRAINERS && c->run.stage != STAGE_ENDED)
        c->asking.next = now + FIRST_MS;
    else if (root_stalls(c->root, now))
        c->asking.stalls |= coord_ask(c, true);
    else if (now >= c->asking.next && c->setup->job->run_dir)
        coord_ask(c, false);
}
