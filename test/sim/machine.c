/* machine: stages and timers. A timer counts for the stage in which it was set. */
#include "machine_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "incidents.h"
#include "judge.h"
#include "wire/pack.h"
#include "wire/slice.h"

enum {
    KILL_US = 100,      /* until a keeper that gets KILL is dead, at most */
    SUSPECT_US = 50000, /* from a bad end to FAILED, as the real keeper has it */
    SERVERS_US = 40000, /* until servers listen, at most */
    LATE_US = 3000000,  /* the keeper's start time-out */
    DRAIN_US = 50000,
    STOP_US = 200000,
    HURRY_US = 20000,
    CLEANINGS = 3,
    PREEMPTED_US = 200000
};

enum { ANY_STAGE = -1 }; /* in the place of the count of stages */

struct sim_keeper *machine_open(struct node *node)
{
    struct sim_keeper *k = mem_calloc(1, sizeof(*k));

    k->node = node;
    k->to_rank.tail = &k->to_rank.first;
    k->to_keeper.tail = &k->to_keeper.first;
    k->credit = MACHINE_CREDIT;
    k->cleanings = CLEANINGS;
    node->keeper = k;
    return k;
}

bool machine_is_over(const struct sim_keeper *k)
{
    return k->stage == STAGE_IDLE || k->stage == STAGE_OVER || (k->dead && k->cleanings <= 0);
}

bool machine_is_seen_off(const struct sim_keeper *k)
{
    return k->dead || k->killed;
}

int64_t machine_progressed(const struct sim_keeper *k)
{
    return k->progressed;
}

/* ---- timers ---- */

struct timer {
    struct sim_keeper *k;
    void (*fire)(struct sim_keeper *k);
};

static void ring(void *arg, int64_t set)
{
    struct timer *timer = arg;
    struct sim_keeper *k = timer->k;

    if (k->dead || k->killed || (set != ANY_STAGE && k->set != set) || k->node->fate == FATE_LOST) {
        free(timer);
    } else if (k->silent) {
        free(timer);
    } else if (world.now < k->node->frozen_until) {
        world_in(k->node->frozen_until - world.now, ring, timer, set);
    } else {
        timer->fire(k);
        free(timer);
    }
}

static void set_timer(struct sim_keeper *k, int64_t us, void (*fire)(struct sim_keeper *k),
                      int64_t set)
{
    struct timer *timer = mem_calloc(1, sizeof(*timer));

    *timer = (struct timer){k, fire};
    world_in(us, ring, timer, set);
}

static void in(struct sim_keeper *k, int64_t us, void (*fire)(struct sim_keeper *k))
{
    set_timer(k, us, fire, k->set);
}

/* Some are quick, some take all the time that there is. */
static int64_t some_of(int64_t us)
{
    return us < 2 ? 1
                  : 1 + (world_chance(4) ? world_chance((int)us / 8 + 1) : world_chance((int)us));
}

/* ---- the stages ---- */

static void enter(struct sim_keeper *k, enum stage stage)
{
    trace(k->node, "keeper enters stage %d", (int)stage);
    k->stage = stage;
    k->set++;
}

static void be_over(struct sim_keeper *k)
{
    enter(k, STAGE_OVER);
    k->progressed = clock_ms();
    say_outcome(k);
    say_reached(k);
    incidents_stage(k->node, FROM_OVER);
}

static void stop(struct sim_keeper *k)
{
    int64_t grace = (int64_t)world.schedule->grace_ms * 1000;

    if (k->stage < STAGE_SERVERS || k->stage >= STAGE_STOP)
        return;
    say_failed(k);
    enter(k, STAGE_STOP);
    incidents_stage(k->node, FROM_STOP);
    if (!k->stuck)
        in(k,
           !k->slow && world_chance(8) ? some_of(grace < STOP_US ? grace : STOP_US)
                                       : grace + SUSPECT_US,
           be_over);
}

static void stop_for_failure(struct sim_keeper *k)
{
    if (k->cause && !k->told_failure)
        stop(k);
}

static void fail(struct sim_keeper *k, enum how how, enum role role, int value, int code)
{
    struct cause cause = {.how = how,
                          .machine = k->slice->machine,
                          .host = k->slice->host,
                          .role = role,
                          .id = k->slice->machine,
                          .pid = 4711,
                          .value = value,
                          .code = code,
                          .text = how == HOW_START_TIMEOUT ? "server 0 does not listen" : NULL};

    if (k->cause)
        return;
    trace(k->node, "a process fails: %d, %d", (int)how, value);
    k->cause = cause_copy(&cause);
    strv_add(&k->cause->last_lines, "RuntimeError: simulated");
    k->failed_at = world_ms();
    judge_note(&(struct fact){.how = how,
                              .machine = k->node->machine,
                              .code = code,
                              .attempt = k->slice->attempt,
                              .is_certain = true});
    set_timer(k, SUSPECT_US, stop_for_failure, ANY_STAGE);
}

static void listen_all(struct sim_keeper *k)
{
    if (k->cause)
        return;
    enter(k, STAGE_LISTENING);
    judge_reached(STAGE_LISTENING, k->slice->attempt);
    say_reached(k);
}

static void be_late(struct sim_keeper *k)
{
    fail(k, HOW_START_TIMEOUT, ROLE_LAUNCHER, 0, EXIT_START_TIME);
}

static void end_well(struct sim_keeper *k)
{
    if (k->cause)
        return;
    say_waiting(k);
    enter(k, STAGE_ENDED);
    judge_reached(STAGE_ENDED, k->slice->attempt);
    say_reached(k);
}

static void go_on(struct sim_keeper *k, enum stage stage)
{
    int64_t run = (int64_t)world.schedule->run_ms * 1000;

    enter(k, stage);
    switch (stage) {
    case STAGE_SERVERS:
        say_folder(k);
        in(k, k->late ? LATE_US : some_of(SERVERS_US), k->late ? be_late : listen_all);
        incidents_stage(k->node, FROM_SERVERS);
        break;
    case STAGE_TRAINERS:
        for (int n = world_chance(3); n > 0; n--)
            in(k, some_of(run), say_output);
        in(k, run + some_of(run / 4), end_well);
        incidents_stage(k->node, FROM_TRAINERS);
        break;
    default:
        in(k, some_of(DRAIN_US), be_over);
        incidents_stage(k->node, FROM_DRAIN);
        break;
    }
}

/* ---- what the rank wants ---- */

static void take_plan(struct sim_keeper *k, const struct buf *data)
{
    struct slice *slice = message_unpack_slice(data->data, data->len);

    if (!slice)
        violated("the plan of machine %d cannot be read", k->node->machine);
    if (k->stage != STAGE_IDLE && k->stage != STAGE_OVER)
        violated("machine %d gets a plan in stage %d", k->node->machine, (int)k->stage);
    if (slice->attempt > world.schedule->restarts)
        violated("machine %d gets attempt %d of %d", k->node->machine, slice->attempt + 1,
                 world.schedule->restarts + 1);
    slice_free(k->slice);
    cause_free(k->cause);
    k->slice = slice;
    k->cause = NULL;
    k->told_failure = false;
    k->stuck = false;
    enter(k, STAGE_IDLE);
}

static void take_go(struct sim_keeper *k, uint32_t stage)
{
    static const enum stage before[] = {[STAGE_SERVERS] = STAGE_IDLE,
                                        [STAGE_TRAINERS] = STAGE_LISTENING,
                                        [STAGE_DRAIN] = STAGE_ENDED};

    if (stage != STAGE_SERVERS && stage != STAGE_TRAINERS && stage != STAGE_DRAIN)
        violated("machine %d is told to go to stage %u", k->node->machine, stage);
    if (k->stage >= STAGE_STOP)
        return;
    if (!k->slice || k->stage != before[stage])
        violated("machine %d is told to go to stage %u in stage %d", k->node->machine, stage,
                 (int)k->stage);
    judge_gate(k->node, stage, k->slice->attempt);
    go_on(k, (enum stage)stage);
}

static void hurry(struct sim_keeper *k)
{
    stop(k);
    if (k->stage == STAGE_STOP && !k->stuck)
        in(k, HURRY_US, be_over);
}

static void leave(struct sim_keeper *k)
{
    if (!machine_is_over(k))
        violated("the keeper of machine %d is told to leave in stage %d", k->node->machine,
                 (int)k->stage);
    k->dead = true;
}

static void obey(struct sim_keeper *k, enum message_type type, const struct buf *data)
{
    struct unpack u = {.at = data->data, .left = data->len};

    switch (type) {
    case MESSAGE_PLAN: take_plan(k, data); break;
    case MESSAGE_GO: take_go(k, unpack_u32(&u)); break;
    case MESSAGE_STOP:
        if (unpack_u32(&u))
            hurry(k);
        else
            stop(k);
        break;
    case MESSAGE_CREDIT:
        k->credit += unpack_u32(&u);
        if (k->credit > MACHINE_CREDIT)
            violated("machine %d has got more credit than it has used", k->node->machine);
        break;
    case MESSAGE_WILL: machine_take_will(k->node, data); break;
    case MESSAGE_PREEMPT:
        if (k->stage == STAGE_TRAINERS && incidents_ends_by_preemption())
            in(k, some_of(PREEMPTED_US), end_well);
        break;
    case MESSAGE_ASK: say_state(k, unpack_u32(&u)); break;
    case MESSAGE_PING: say(k, MESSAGE_PONG, NULL); break;
    case MESSAGE_LEAVE: leave(k); break;
    default: violated("a keeper gets message %d", (int)type);
    }
}

void machine_hear(void *arg, int64_t n)
{
    struct sim_keeper *k = arg;
    struct note *note;

    if (k->dead || k->killed || k->silent || k->node->fate == FATE_LOST)
        return;
    if (world.now < k->node->frozen_until) {
        world_in(k->node->frozen_until - world.now, machine_hear, k, n);
        return;
    }
    note = note_take(&k->to_keeper);
    obey(k, note->type, &note->data);
    buf_free(&note->data);
    free(note);
}

/* ---- its end ---- */

static void be_dead(void *arg, int64_t n)
{
    struct sim_keeper *k = arg;

    (void)n;
    k->dead = true;
    node_wake(k->node);
}

void machine_kill(struct sim_keeper *k)
{
    k->killed = true;
    world_in(1 + world_chance(KILL_US), be_dead, k, 0);
}

bool machine_cleans(struct sim_keeper *k)
{
    return k->cleanings-- > 0;
}

/* It ends its processes by itself. */
void machine_let_go(struct sim_keeper *k)
{
    k->let_go = true;
    if (machine_is_over(k))
        k->dead = true;
    else
        stop(k);
}

/* ---- what goes wrong ---- */

static void note_launcher(const struct sim_keeper *k)
{
    judge_note(&(struct fact){
        .how = HOW_LAUNCHER, .machine = k->node->machine, .code = EXIT_LAUNCHER, .attempt = -1});
}

static void fail_a_process(struct sim_keeper *k, int value)
{
    enum role role = k->stage == STAGE_TRAINERS ? ROLE_TRAINER : ROLE_SERVER;

    if (k->stage < STAGE_SERVERS || k->stage > STAGE_ENDED || k->silent)
        return;
    if (value < 0)
        fail(k, HOW_SIGNALED, role, -value, EXIT_SIGNAL_BASE - value);
    else
        fail(k, HOW_EXITED, role, value, value);
}

static void leave_early(struct sim_keeper *k)
{
    if (k->stage != STAGE_TRAINERS && k->stage != STAGE_ENDED)
        return;
    judge_note(&(struct fact){.how = HOW_LEFT_EARLY,
                              .machine = k->node->machine,
                              .code = EXIT_LAUNCHER,
                              .attempt = k->slice->attempt});
    say_left(k);
}

void machine_suffer(struct sim_keeper *k, const struct incident *incident)
{
    if (k->dead || k->let_go)
        return;
    switch (incident->kind) {
    case INCIDENT_FAIL: fail_a_process(k, incident->value); break;
    case INCIDENT_LEFT: leave_early(k); break;
    case INCIDENT_STUCK: k->stuck = true; break;
    case INCIDENT_SLOW: k->slow = true; break;
    case INCIDENT_LATE: k->late = true; break;
    case INCIDENT_SILENT:
        note_launcher(k);
        k->silent = true;
        break;
    case INCIDENT_DIE:
        note_launcher(k);
        machine_kill(k);
        break;
    default: break;
    }
}
