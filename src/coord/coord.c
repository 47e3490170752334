/* coord: the coordinator of one machine: the plan's distribution, the gates, and one poll loop over
 * its keeper, the other coordinators, signals, its parent and its sleepers. A gate is entered as
 * soon as this machine is ready for it.
 */
#include "coord/coord.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "coord/alarm.h"
#include "coord/asking.h"
#include "coord/attempt.h"
#include "coord/closing.h"
#include "coord/departure.h"
#include "coord/events.h"
#include "coord/messages.h"
#include "coord/preempt.h"
#include "coord/relay.h"
#include "coord/report_files.h"
#include "coord/root_end.h"
#include "coord/root_report.h"
#include "coord/signals.h"
#include "coord/tell.h"
#include "keeper/doing.h"
#include "wire/pack.h"
#include "wire/slice.h"

enum {
    POLL_MIN_MS = 2,        /* right after something has happened */
    POLL_MAX_MS = 100,      /* while nothing happens */
    POLL_RUNG_MAX_MS = 250, /* the same, where whoever sends something rings */
    MAX_SLEEPER_POLL = 1024,
    SLICES_AT_ONCE = 64
};

/* ---- the plan ---- */

static struct slice *slice_of(const struct coord *c, int rank)
{
    const struct meeting *meeting = c->setup->meeting;

    return plan_slice(c->setup->job, meeting->machine_of[rank], &meeting->seats[rank]);
}

static void send_common(struct coord *c, const struct slice *common)
{
    struct buf data = {0};

    message_pack_common(&data, common);
    coord_send_to_children(c, MESSAGE_COMMON, &data);
    buf_free(&data);
}

/* Rank 0 sends each rank its own slice, and only that; so many at a time as the network takes.
 * common: any rank's, whose common part they have. */
static void send_slices(struct coord *c, const struct slice *common)
{
    int end = c->run.slices_to + SLICES_AT_ONCE;

    for (; c->run.slices_to < end && c->run.slices_to < c->peers->size; c->run.slices_to++) {
        struct slice *slice = slice_of(c, c->run.slices_to);
        struct buf data = {0};

        message_pack_own(&data, slice, common);
        coord_tell_rank(c, c->run.slices_to, MESSAGE_SLICE, &data);
        buf_free(&data);
        slice_free(slice);
    }
}

static void hand_out_plan(struct coord *c, int64_t now)
{
    bool first = !c->run.slice, more = c->run.slices_to < c->peers->size;
    struct slice *own;

    if (now < c->start_at || ends_stops(c->run.ends) ||
        (!first && (!more || !peers_all_sent(c->peers))))
        return;
    own = slice_of(c, 0);
    if (first)
        send_common(c, own);
    send_slices(c, own);
    if (first)
        coord_on_slice(c, own);
    else
        slice_free(own);
}

static void go(struct coord *c, enum stage stage, int master_port)
{
    struct buf data = {0};

    pack_u32(&data, stage);
    pack_u32(&data, (uint32_t)master_port);
    keeper_link_send(&c->keeper, MESSAGE_GO, data.data, data.len);
    buf_free(&data);
}

/* ---- gates ---- */

static bool ready_for_gate(const struct coord *c)
{
    bool stops = ends_stops(c->run.ends);

    return c->run.ends < ENDS_PEER_LOST && (c->run.slice || stops) &&
           course_gate_is_due(c->run.gate, c->run.stage, stops, c->root);
}

/* It is chosen as late as possible, since others may listen on it until torch does. */
static int choose_master_port(struct coord *c)
{
    if (c->setup->meeting->machine == 0 && !ends_stops(c->run.ends) &&
        masterport_hold(&c->run.master))
        coord_fail(c, coord_own_cause(c, HOW_LAUNCHER, 0, EXIT_LAUNCHER,
                                      "cannot get a port for MASTER_PORT"));
    return c->run.master.port;
}

static void enter_gate(struct coord *c)
{
    int64_t value[2] = {0, 0};

    if (c->run.gate == STAGE_TRAINERS)
        value[1] = choose_master_port(c);
    value[0] = ends_stops(c->run.ends);
    if (c->run.gate == STAGE_OVER)
        value[0] = c->root ? c->run.code : 0;
    if (c->run.gate == STAGE_OVER)
        value[1] = c->run.restart;
    c->run.gate_entered = true;
    peers_gate_enter(c->peers, value);
    coord_ring_for_gate(c, -1);
}

static void give_plan(struct coord *c)
{
    struct buf data = {0};

    if (c->root)
        root_begin_report(c->root);
    message_pack_slice(&data, c->run.slice);
    keeper_link_send(&c->keeper, MESSAGE_PLAN, data.data, data.len);
    buf_free(&data);
    if (c->run.slice->connect_timeout_ms > 0)
        coord_tell_machines(c);
}

static void begin(struct coord *c, enum stage stage, int master_port)
{
    if (c->root)
        root_phase(c->root, stage);
    if (stage == STAGE_SERVERS)
        give_plan(c);
    coord_enter(c, stage);
    go(c, stage, master_port);
    if (stage == STAGE_DRAIN)
        masterport_release(&c->run.master);
}

static void on_gate(struct coord *c, const int64_t result[2])
{
    enum stage opened = c->run.gate;

    c->run.gate_entered = false;
    if (opened == STAGE_OVER && !result[1])
        coord_leave(c, (int)result[0], LEAVE_TOGETHER);
    if (opened == STAGE_OVER) {
        coord_begin_next(c);
        return;
    }
    c->run.gate = course_next_gate(opened);
    if (result[0])
        coord_stop(c, ENDS_FAILED, false);
    if (!ends_stops(c->run.ends))
        begin(c, opened, (int)result[1]);
}

/* Where no machine has servers, what comes before the gate TRAINERS starts nothing. */
static bool needs_no_gate(const struct coord *c)
{
    return !c->setup->meeting->announce.has_servers && c->run.stage == STAGE_IDLE && c->run.slice &&
           !ends_stops(c->run.ends);
}

static bool run_gates(struct coord *c)
{
    int64_t result[2];
    int passed;

    if (needs_no_gate(c))
        begin(c, STAGE_SERVERS, 0);
    if (!c->run.gate_entered && ready_for_gate(c))
        enter_gate(c);
    if (!c->run.gate_entered || c->run.ends >= ENDS_PEER_LOST)
        return false;
    passed = peers_gate_passed(c->peers, result);
    if (passed < 0)
        coord_on_mpi_error(c);
    if (passed > 0)
        on_gate(c, result);
    return passed > 0;
}

/* ---- the loop ---- */

/* A keeper that a file system holds cannot tell it itself. */
static bool is_late_at_start(const struct coord *c)
{
    int64_t timeout = c->run.slice ? c->run.slice->start_timeout_ms : 0, for_ms;
    enum doing kind;

    return timeout > 0 && doing_what(&kind, &for_ms) && kind == DOING_START && for_ms > timeout;
}

static void look_after_keeper(struct coord *c, int64_t now)
{
    if (c->keeper.keeper.fd < 0 || c->remains.step != REMAINS_NONE)
        return;
    if (c->keeper_silence.timeout_ms && now >= c->next_ping) {
        keeper_link_send(&c->keeper, MESSAGE_PING, NULL, 0);
        c->next_ping = now + silence_sign_every(&c->keeper_silence);
    }
    if (silence_is_over(&c->keeper_silence, now))
        coord_on_silent_keeper(c, EXIT_LAUNCHER);
    else if (is_late_at_start(c))
        coord_on_silent_keeper(c, EXIT_START_TIME);
}

static void on_time(struct coord *c, int64_t now)
{
    struct cause *cause;
    int silent;

    if (pulse_beat_due(&c->pulse, now))
        coord_send_beat(c);
    silent = pulse_lost(&c->pulse, now);
    if (silent < 0)
        c->asked = 0;
    else if (c->run.ends < ENDS_PEER_LOST)
        coord_on_silence(c, silent);
    coord_pass_on_seeking(c, now);
    look_after_keeper(c, now);
    coord_look_for_foreign(c, now);
    coord_hear_scribe(c);
    coord_end_remains(c, now);
    if (!c->root)
        return;
    hand_out_plan(c, now);
    coord_asking_tick(c, now);
    if (now >= c->preempt_ends)
        coord_preempt_is_over(c);
    cause = root_tick(c->root, now);
    if (cause)
        coord_fail(c, cause);
    console_pump(root_console(c->root));
}

static bool all_ring(const struct coord *c)
{
    for (int i = 0; i < c->pulse.n; i++)
        if (!c->neighbours[i].rings)
            return false;
    return true;
}

/* It grows with the time since something happened: from 2 ms to 100 ms after 2 s, or to 250 ms
 * after 1 s. A turn in which something has happened may make the next step possible. */
static int poll_timeout(const struct coord *c, int64_t now)
{
    bool rung = all_ring(c);
    int64_t until = now + POLL_MIN_MS + (now - c->last_event) / (rung ? 4 : 20);
    int64_t most = now + (rung ? POLL_RUNG_MAX_MS : POLL_MAX_MS);

    if (now < c->doorbell.deaf_until && c->doorbell.deaf_until < most)
        most = c->doorbell.deaf_until;
    return c->acts ? 0 : clock_poll_timeout(now, until < most ? until : most);
}

enum {
    AT_KEEPER,
    AT_SIGNALS,
    AT_PARENT,
    AT_DOORBELL,
    AT_CONSOLE,
    AT_SLEEPERS = AT_CONSOLE + CONSOLE_STREAMS
};

static int fill_poll(const struct coord *c, int64_t now, struct pollfd *entries, int room)
{
    entries[AT_KEEPER] = (struct pollfd){.fd = c->keeper.keeper.fd,
                                         .events = c->keeper.out.len ? POLLIN | POLLOUT : POLLIN};
    entries[AT_SIGNALS] = (struct pollfd){.fd = signals_fd(), .events = POLLIN};
    entries[AT_PARENT] = (struct pollfd){.fd = c->parent.fd, .events = POLLIN};
    entries[AT_DOORBELL] = doorbell_poll(&c->doorbell, now);
    for (int i = 0; i < CONSOLE_STREAMS; i++)
        entries[AT_CONSOLE + i].fd = -1;
    if (c->root)
        console_poll(root_console(c->root), entries + AT_CONSOLE);
    if (!c->setup->meeting->sleepers)
        return AT_SLEEPERS;
    return AT_SLEEPERS +
           sleepers_poll(c->setup->meeting->sleepers, entries + AT_SLEEPERS, room - AT_SLEEPERS);
}

static bool wait_and_look(struct coord *c)
{
    struct pollfd entries[AT_SLEEPERS + MAX_SLEEPER_POLL];
    int64_t now = clock_ms();
    int n = fill_poll(c, now, entries, AT_SLEEPERS + MAX_SLEEPER_POLL);
    bool ready = poll(entries, (nfds_t)n, poll_timeout(c, now)) > 0, any = false;
    int number;

    while ((number = signals_take())) {
        coord_on_signal(c, number);
        any = true;
    }
    if (launch_parent_gone(&c->parent, ready ? entries[AT_PARENT].revents : 0)) {
        coord_on_parent_gone(c);
        any = true;
    }
    for (int i = AT_SLEEPERS; ready && i < n; i++) {
        if (!entries[i].revents)
            continue;
        coord_on_sleeper(c, sleepers_event(c->setup->meeting->sleepers));
        any = true;
    }
    return any;
}

/* One turn of the loop. Returns whether something has happened: not a mere sign of life. */
static bool turn(struct coord *c)
{
    enum stage before = c->run.stage;
    bool any = wait_and_look(c);

    any |= coord_hear_doorbell(c);
    any |= coord_pump_keeper(c);
    any |= coord_pump_peers(c);
    on_time(c, clock_ms());
    any |= run_gates(c);
    any |= coord_follow(c);
    coord_run_closing(c, clock_ms());
    return any || c->run.stage != before;
}

static void give_credit(void *arg, int from, size_t len)
{
    struct coord *c = arg;
    struct buf data = {0};

    pack_u32(&data, (uint32_t)len);
    if (from)
        coord_tell_rank(c, from, MESSAGE_CREDIT, &data);
    else if (c->keeper.keeper.fd >= 0)
        keeper_link_send(&c->keeper, MESSAGE_CREDIT, data.data, data.len);
    buf_free(&data);
}

static void open_root(struct coord *c)
{
    struct meeting *meeting = c->setup->meeting;
    struct job *job = c->setup->job;
    struct err err = {0};

    c->root = root_open(job, meeting, c->peers->size, c->setup->scribe, give_credit, c, &err);
    if (err.code)
        coord_fail(c, coord_own_cause(c, HOW_CHECK_FAILED, 0, err.code, err.text));
    root_write_list(c->root);
    c->doorbell.ask_key = secret_draw();
    root_may_be_asked(c->root, job->hosts.items[meeting->machine].ip, c->doorbell.port,
                      c->doorbell.ask_key);
    for (size_t i = 0; i < job->notices.n; i++)
        log_notice("%s", job->notices.items[i]);
    if (meeting->extra_ranks > meeting->spare_ranks)
        log_notice("%d of the ranks sleep until the end, because each machine needs one; '%s' "
                   "starts one a machine",
                   meeting->extra_ranks - meeting->spare_ranks, meeting->one_each);
    if (meeting->spare_ranks)
        log_notice("%.*s: not needed, idle until the end (--spare)", (int)meeting->spare_hosts.len,
                   meeting->spare_hosts.data);
    log_verbose("%d machines, %s", c->peers->size, c->peers->name);
}

_Noreturn void coord_run(const struct coord_setup *setup)
{
    struct coord c = {.setup = setup,
                      .parent = setup->parent,
                      .peers = setup->peers,
                      .keeper = {.keeper = setup->keeper},
                      .attempt = setup->attempt,
                      .uplink = tree_parent(setup->peers->rank),
                      .acts = true,
                      .last_event = clock_ms()};
    const struct announce *announce = &setup->meeting->announce;

    signals_hold();
    c.preempt_signal = announce->preempt_signal;
    signals_watch(c.preempt_signal);
    coord_begin_first(&c);
    silence_start(&c.keeper_silence, announce->lost_timeout_ms, clock_ms());
    pulse_start(&c.pulse, c.peers->rank, c.peers->size, announce->lost_timeout_ms, clock_ms());
    doorbell_open(&c.doorbell, announce->hosts.items[setup->meeting->machine].address,
                  announce->doorbell_key);
    c.last_word = secret_draw();
    coord_send_beat(&c); /* connects the links now, with or without a heartbeat */
    if (setup->job)
        open_root(&c);
    else
        log_set_sink(coord_say_through_root, &c);
    for (;;) {
        c.acts = turn(&c);
        if (c.acts || !peers_all_sent(c.peers)) /* a long message leaves step by step */
            c.last_event = clock_ms();
    }
}
