/* machine: the step from one stage to the next, what entering each stage does, who has ended, what
 * is overdue. The one place where events are taken: the rules (failure, leaving, deaths, pipes,
 * rank) and the actions (starting, stopping, clearing) that it calls only add them, so that no
 * stage is ever entered in the middle of another's entry.
 */
#include "keeper/machine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/awaited.h"
#include "keeper/clearing.h"
#include "keeper/connected.h"
#include "keeper/deaths.h"
#include "keeper/doing.h"
#include "keeper/failure.h"
#include "keeper/leaving.h"
#include "keeper/link.h"
#include "keeper/pipes.h"
#include "keeper/proc.h"
#include "keeper/rank.h"
#include "keeper/starting.h"
#include "keeper/stillness.h"
#include "keeper/stopping.h"
#include "keeper/usage.h"
#include "keeper/will.h"
#include "report/signal.h"

/* ---- entries of stages ---- */

static void enter_servers(struct machine *m)
{
    m->began = clock_ms();
    if (starting_prepare(m) != 0 || starting_all(m, true) != 0)
        return;
    usage_begin(m);
    if (m->slice->start_timeout_ms > 0)
        m->timers[TIMER_START] = m->began + m->slice->start_timeout_ms;
    if (m->n_servers == 0)
        state_add(m, EVENT_READY);
    else
        starting_probe(m);
}

static void enter_listening(struct machine *m)
{
    m->timers[TIMER_PROBE] = m->timers[TIMER_START] = CLOCK_NEVER;
    link_send_u32(m, MESSAGE_REACHED, STAGE_LISTENING);
}

static void enter_trainers(struct machine *m)
{
    starting_python_hook(m);
    if (starting_all(m, false) != 0)
        return;
    connected_begin(m);
    stillness_begin(m);
    if (m->n == m->n_servers)
        state_add(m, EVENT_DONE);
}

static void enter_ended(struct machine *m)
{
    m->timers[TIMER_LEFT] = m->timers[TIMER_SAMPLERS] = m->timers[TIMER_CLIENTS] = CLOCK_NEVER;
    link_send_u32(m, MESSAGE_REACHED, STAGE_ENDED);
}

static void enter_drain(struct machine *m)
{
    m->timers[TIMER_LEFT] = CLOCK_NEVER;
    m->timers[TIMER_STAGE] = clock_ms() + m->slice->exit_timeout_ms;
    if (!state_running(m, ROLE_SERVER))
        state_add(m, EVENT_DONE);
}

static void enter_over(struct machine *m)
{
    failure_decide(m); /* reads the job's folder and /dev/shm */
    clearing_begin(m);
    if (m->rank.state == RANK_GONE)
        m->timers[TIMER_FLUSH] = 0;
    else if (m->cause || m->told)
        m->timers[TIMER_FLUSH] = clock_ms() + RANK_FLUSH_MS;
}

static void (*const enter[STAGE_COUNT])(struct machine *m) = {
    [STAGE_SERVERS] = enter_servers,
    [STAGE_LISTENING] = enter_listening,
    [STAGE_TRAINERS] = enter_trainers,
    [STAGE_ENDED] = enter_ended,
    [STAGE_DRAIN] = enter_drain,
    [STAGE_STOP] = stopping_clients,
    [STAGE_STOP_SERVERS] = stopping_servers,
    [STAGE_KILL] = stopping_all,
    [STAGE_OVER] = enter_over,
};

/* ---- who has ended, is stopped, or goes on ---- */

/* Of children that were reaped together. */
static void judge(struct machine *m, const int *ended, int n)
{
    deaths_pump(m); /* of what ended before the shells above it */
    for (int k = 0; k < n; k++) {
        if (!failure_judge(m, ended[k]))
            pipes_judge(m, ended[k]);
    }
    if (m->stage < STAGE_STOP)
        leaving_judge(m, ended, n);
}

/* Orphans that came to us are reaped too; they are nobody's failure. false: nothing is left. */
static bool reap(struct machine *m)
{
    int *ended = mem_calloc((size_t)m->n + 1, sizeof(*ended));
    struct rusage usage;
    int status, n = 0;
    pid_t pid;

    pipes_hear(m); /* a child's Python tells its end before wait does */
    while ((pid = proc_reap(&status, &usage)) > 0) {
        int i = state_child_of(m, pid);

        if (pid == m->sweeping)
            m->sweeping = 0;
        if (clearing_reaped(m, pid, status))
            continue;
        if (i < 0 || !m->children[i].running) {
            deaths_reaped(m, pid, status);
            continue;
        }
        m->children[i].running = false;
        m->children[i].end = clock_ms();
        m->children[i].status = status;
        m->children[i].usage = usage;
        ended[n++] = i;
    }
    judge(m, ended, n);
    free(ended);
    if (pid < 0)
        state_add(m, EVENT_EMPTY);
    else if (m->stage == STAGE_STOP && m->stop_ends != CLOCK_NEVER)
        stopping_look(m);
    return pid >= 0;
}

static void say_paused(struct machine *m, const struct child *child, int signal)
{
    char *text;

    if (signal != 0)
        text = mem_printf("%s %d on %s (pid %d) is stopped by %s; the job waits for it",
                          role_name(child->plan->role), child->plan->id, m->host, child->pid,
                          report_signal_name(signal));
    else
        text = mem_printf("%s %d on %s (pid %d) continues", role_name(child->plan->role),
                          child->plan->id, m->host, child->pid);
    link_say(m, text);
    free(text);
}

/* In STOP and KILL we stop and wake them ourselves. */
static void look_paused(struct machine *m)
{
    int signal, i;
    pid_t pid;

    while ((pid = proc_paused(&signal)) > 0) {
        i = state_child_of(m, pid);
        if (i < 0 || !m->children[i].running || m->stage >= STAGE_STOP ||
            m->children[i].paused == (signal != 0))
            continue;
        m->children[i].paused = signal != 0;
        say_paused(m, &m->children[i], signal);
    }
}

/* ---- from one stage to the next ---- */

/* Call before anything is signalled: what has ended by now did so by itself. */
static bool look_first(struct machine *m)
{
    bool left = reap(m);

    failure_decide(m);
    return left;
}

/* KILL is entered anew each second. */
static void step(struct machine *m, enum stage_event event)
{
    enum stage next = stage_next(m->stage, event);

    if (next == m->stage && !(next == STAGE_KILL && event == EVENT_DEADLINE))
        return;
    if (next != m->stage) {
        m->kills = 0;
        doing_progress();
    }
    m->stage = next;
    if (next < STAGE_STOP)
        m->reached = next;
    else
        state_forget_timers(m);
    if ((next == STAGE_STOP || next == STAGE_KILL) && !look_first(m))
        return;
    enter[next](m);
}

static void run(struct machine *m)
{
    enum stage_event event;

    while (state_take(m, &event))
        step(m, event);
}

void machine_told_to_stop(struct machine *m, int signal)
{
    failure_told_to_stop(m, signal);
    run(m);
}

void machine_reap(struct machine *m)
{
    reap(m);
    run(m);
    look_paused(m);
}

void machine_obey(struct machine *m)
{
    bool there = rank_read(m);

    while (rank_obey(m))
        run(m);
    if (!there)
        link_lost(m);
    run(m);
}

/* ---- what is due ---- */

/* Reaps first: a process that was dying and has ended by now would be neither awaited nor known. */
static void judge_due(struct machine *m)
{
    if (failure_awaits_dying(m))
        return;
    reap(m);
    failure_decide(m);
}

static void samplers_overdue(struct machine *m)
{
    if (leaving_samplers_overdue(m))
        stopping_samplers(m);
}

static void stage_overdue(struct machine *m)
{
    if (m->stage == STAGE_OVER) {
        clearing_look(m);
        return;
    }
    if (m->stage == STAGE_DRAIN)
        leaving_drain_overdue(m);
    state_add(m, EVENT_DEADLINE);
}

static void flush_overdue(struct machine *m)
{
    if (m->reporting == REPORT_WAITS)
        m->reporting = REPORT_NOW;
}

/* TIMER_SILENCE: awaited_tick looks in each turn. */
static void (*const due[TIMER_COUNT])(struct machine *m) = {
    [TIMER_PROBE] = starting_probe,
    [TIMER_START] = starting_overdue,
    [TIMER_CLIENTS] = connected_look,
    [TIMER_JUDGE] = judge_due,
    [TIMER_LEFT] = leaving_servers_overdue,
    [TIMER_SAMPLERS] = samplers_overdue,
    [TIMER_STAGE] = stage_overdue,
    [TIMER_FLUSH] = flush_overdue,
    [TIMER_SAMPLE] = usage_take,
};

static void shm_look(struct machine *m, int64_t now)
{
    shm_tick(&m->shm, now, m->job_dir.fd);
}

static int64_t shm_due(const struct machine *m)
{
    return shm_deadline(&m->shm);
}

/* Parts that are looked at in each turn; each says when the next turn must come. */
static const struct part {
    void (*look)(struct machine *m, int64_t now);
    int64_t (*deadline)(const struct machine *m);
} parts[] = {
    {awaited_tick, NULL},         {deaths_tick, deaths_deadline},
    {pipes_tick, pipes_deadline}, {rank_tick, rank_deadline},
    {shm_look, shm_due},          {will_tick, will_deadline},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

void machine_tick(struct machine *m, int64_t now)
{
    for (int t = 0; t < TIMER_COUNT; t++) {
        if (now < m->timers[t] || !due[t])
            continue;
        m->timers[t] = CLOCK_NEVER;
        due[t](m);
        run(m);
    }
    for (size_t i = 0; i < PARTS; i++) {
        parts[i].look(m, now);
        run(m);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t machine_deadline(const struct machine *m)
{
    int64_t first = CLOCK_NEVER;

    for (int t = 0; t < TIMER_COUNT; t++)
        first = earlier(first, m->timers[t]);
    for (size_t i = 0; i < PARTS; i++) {
        if (parts[i].deadline)
            first = earlier(first, parts[i].deadline(m));
    }
    if (m->output && m->rank.state != RANK_GONE)
        first = earlier(first, output_deadline(m->output));
    return first;
}

bool machine_may_report(const struct machine *m)
{
    return m->stage == STAGE_OVER && m->clearing == 0 && m->reporting != REPORT_SENT;
}
