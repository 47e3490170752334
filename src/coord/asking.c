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
    SHARE = 1000, /* of the time between two askings by itself, making the texts may take 1/1000, */
    ASKED_SHARE = 50 /* and where dgl-mpilaunch-top asks, 1/50 */
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
    if (c->keeper.keeper.fd >= 0 && c->run.stage >= STAGE_SERVERS)
        keeper_link_send(&c->keeper, MESSAGE_ASK, data->data, data->len);
}

void coord_forget_question(struct coord *c)
{
    c->asking.number++;
    c->asking.ends = 0;
    c->asking.stalls = c->asking.shows = c->asking.wanted = false;
}

/* A question that comes while another is under way gets its answer. One that comes right after
 * another's answer was shown has it already. */
static bool may_ask(struct coord *c, bool show, int64_t now)
{
    bool just_done = now - c->asking.done < (show ? PAUSE_MS : c->asking.pause);

    if (c->asking.ends)
        c->asking.shows |= show;
    else if (just_done && !c->asking.shown)
        c->asking.wanted |= show;
    return !c->asking.ends && !just_done && c->run.stage < STAGE_SENT;
}

static void done(struct coord *c, int64_t now, int64_t cost_us)
{
    int64_t pause = cost_us * ASKED_SHARE / 1000, every = cost_us * SHARE / 1000;

    c->asking.shown = c->asking.shows;
    c->asking.shows = c->asking.stalls = false;
    c->asking.ends = 0;
    c->asking.done = now;
    c->asking.pause = pause > PAUSE_MS ? pause : PAUSE_MS;
    c->asking.next = now + (every > EVERY_MS ? every : EVERY_MS);
}

static void tell(struct coord *c, int64_t now)
{
    int64_t began = clock_cpu_us();

    root_tell_state(c->root, c->asking.shows);
    done(c, now, clock_cpu_us() - began);
}

bool coord_ask(struct coord *c, bool show)
{
    struct buf data = {0};
    int64_t now = clock_ms();

    if (!may_ask(c, show, now))
        return false;
    c->asking.shows = show;
    c->asking.wanted = false;
    if (c->run.stage < STAGE_SERVERS) { /* there is nobody to ask */
        tell(c, now);
        return false;
    }
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

static bool trainers_run(const struct coord *c)
{
    return c->run.stage == STAGE_TRAINERS || c->run.stage == STAGE_ENDED;
}

/* A job that has moved meanwhile does not stand still. */
static void finish(struct coord *c, int64_t now)
{
    bool stalls = c->asking.stalls && trainers_run(c) && root_stalls(c->root, now);
    struct cause *cause;

    tell(c, now);
    cause = stalls ? root_tell_stall(c->root, now) : NULL;
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
    if (number != c->asking.number || !c->asking.ends || c->run.stage >= STAGE_SENT)
        outcome_clear(&outcome);
    else if (root_state(c->root, from, &outcome))
        finish(c, clock_ms());
}

/* The end of an attempt has a report of its own, and the last word. */
void coord_asking_tick(struct coord *c, int64_t now)
{
    if (c->run.stage >= STAGE_SENT) {
        if (c->asking.ends)
            coord_forget_question(c);
        return;
    }
    if (c->asking.ends && now >= c->asking.ends)
        finish(c, now);
    if (c->asking.wanted)
        coord_ask(c, true);
    if (!trainers_run(c))
        c->asking.next = now + FIRST_MS;
    else if (root_stalls(c->root, now))
        c->asking.stalls |= coord_ask(c, true);
    else if (now >= c->asking.next && c->setup->job->run_dir)
        coord_ask(c, false);
}
