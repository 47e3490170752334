/* rank: the keeper's look at its own rank, and what the rank's messages ask for. What follows from
 * the rank's death is link.c's.
 */
#include "keeper/rank.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/connected.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"
#include "keeper/link.h"
#include "keeper/program.h"
#include "keeper/telling.h"
#include "keeper/will.h"
#include "wire/pack.h"
#include "wire/slice.h"

enum {
    READ_LEAST = 4096, /* as much room; what is not needed of a larger one would be touched too */
    READ_ROUNDS = 64,
    OTHERS_MS = 5000, /* beyond --kill_grace, for the other machines to end the job first */
    ALARM_MS = 1000   /* from ALRM to KILL */
};

static void watch(struct machine *m)
{
    bool waited_for = m->slice->machines > 1; /* else who has stopped the rank may let it go on */

    silence_start(&m->rank.silence, waited_for ? m->slice->lost_timeout_ms : 0, clock_ms());
}

static void heard(struct machine *m)
{
    silence_heard(&m->rank.silence, clock_ms());
    if (m->rank.state < RANK_DONE)
        m->rank.state = RANK_SPEAKS;
    m->rank.ends = CLOCK_NEVER;
}

static void fall_silent(struct machine *m, int64_t now)
{
    double seconds = (double)m->rank.silence.timeout_ms / 1000;
    char *what = mem_printf("the rank of this machine (pid %d) has given no sign for %g s (is it "
                            "stopped, or held by MPI?)",
                            (int)m->rank.pid, seconds);

    m->rank.state = RANK_SILENT;
    m->rank.ends = now + m->slice->kill_grace_ms + OTHERS_MS;
    link_say_alone(m, mem_printf("dgl-mpilaunch: %s: %s%s\n", m->host, what,
                                 m->stage == STAGE_OVER ? "" : "; ending its processes"));
    failure_raise(m, evidence_cause(m, -1, HOW_LAUNCHER, 0, EXIT_LAUNCHER, what));
    free(what);
}

/* Signals our parent if it is the rank, and nobody else. */
static void signal_rank(const struct machine *m, int number)
{
    if (m->rank.pid > 1 && getppid() == m->rank.pid)
        kill(m->rank.pid, number);
}

static void end_rank(struct machine *m, int64_t now)
{
    signal_rank(m, m->rank.state == RANK_SILENT ? SIGALRM : SIGKILL);
    signal_rank(m, SIGCONT); /* or a stopped rank would not hear ALRM, and Slurm's code be 137 */
    m->rank.state = RANK_TOLD;
    m->rank.ends = now + ALARM_MS;
}

void rank_tick(struct machine *m, int64_t now)
{
    if (m->rank.state >= RANK_DONE)
        return;
    if (silence_is_over(&m->rank.silence, now) && m->rank.state == RANK_SPEAKS)
        fall_silent(m, now);
    if (now >= m->rank.ends)
        end_rank(m, now);
}

int64_t rank_deadline(const struct machine *m)
{
    int64_t look = silence_next_look(&m->rank.silence);

    if (m->rank.state >= RANK_DONE)
        return CLOCK_NEVER;
    return look < m->rank.ends ? look : m->rank.ends;
}

/* ---- what it wants ---- */

static int take_plan(struct machine *m, const char *data, size_t len)
{
    if (m->stage == STAGE_OVER && m->reporting == REPORT_SENT)
        state_again(m);
    if (m->slice || !(m->slice = message_unpack_slice(data, len)))
        return -1;
    watch(m);
    snprintf(m->host, sizeof(m->host), "%s", m->slice->host ? m->slice->host : "");
    m->n = m->slice->n_processes;
    m->children = mem_calloc((size_t)m->n + 1, sizeof(*m->children));
    m->servers = mem_calloc((size_t)m->n + 1, sizeof(*m->servers));
    for (int i = 0; i < m->n; i++) {
        const struct process_plan *plan = &m->slice->processes[i];

        m->children[i] =
            (struct child){.plan = plan, .stream = -1, .start = -1, .ready = -1, .end = -1};
        if (plan->role == ROLE_SERVER)
            m->servers[m->n_servers++].port = plan->port;
    }
    return 0;
}

/* Ignores a GO that arrives after STOP: the stage that it was meant for has passed. */
static int take_go(struct machine *m, struct unpack *payload)
{
    uint32_t stage = unpack_u32(payload), port = unpack_u32(payload);

    if (payload->bad || stage > STAGE_DRAIN || port > UINT16_MAX || !m->slice)
        return -1;
    if (stage_next(m->stage, EVENT_GO) != stage)
        return 0;
    if (stage == STAGE_TRAINERS)
        m->master_port = (int)port;
    state_add(m, EVENT_GO);
    return 0;
}

/* Where the command runs by a shell, the trainer is what the shell runs. */
static void preempt_child(const struct child *child, int signal)
{
    struct proc trainer;

    if (proc_read(program_trainer_of(child->pid), &trainer) == 0)
        proc_signal(&trainer, signal);
}

static void preempt(struct machine *m, int signal)
{
    for (int i = 0; i < m->n && m->stage == STAGE_TRAINERS; i++) {
        if (m->children[i].running && m->children[i].plan->role == ROLE_TRAINER)
            preempt_child(&m->children[i], signal);
    }
}

static void told_to_stop(struct machine *m, bool hurry)
{
    m->told = true;
    if (m->stage == STAGE_OVER && m->reporting == REPORT_WAITS &&
        m->timers[TIMER_FLUSH] == CLOCK_NEVER)
        m->timers[TIMER_FLUSH] = clock_ms() + RANK_FLUSH_MS;
    state_add(m, hurry ? EVENT_HURRY : EVENT_FAIL);
}

/* A message that is one number. */
static int take_number(struct machine *m, enum message_type type, struct unpack *payload)
{
    uint32_t value = unpack_u32(payload);

    if (payload->bad)
        return -1;
    if (type == MESSAGE_STOP)
        told_to_stop(m, value != 0);
    else if (type == MESSAGE_PREEMPT)
        preempt(m, (int)value);
    else if (m->output)
        output_credit(m->output, value);
    return 0;
}

static int obey(struct machine *m, enum message_type type, const char *data, size_t len)
{
    struct unpack payload = {data, len, false};

    switch (type) {
    case MESSAGE_PLAN: return take_plan(m, data, len);
    case MESSAGE_MACHINES: return connected_machines(m, &payload);
    case MESSAGE_WILL: return will_take(m, &payload);
    case MESSAGE_ASK: return telling_answer(m, &payload);
    case MESSAGE_GO: return take_go(m, &payload);
    case MESSAGE_STOP:
    case MESSAGE_CREDIT:
    case MESSAGE_PREEMPT: return take_number(m, type, &payload);
    case MESSAGE_PING: link_send(m, MESSAGE_PONG, NULL, 0); return 0;
    case MESSAGE_LEAVE: m->rank.state = RANK_DONE; return 0;
    default: return -1;
    }
}

bool rank_obey(struct machine *m)
{
    enum message_type type;
    const char *data;
    size_t len;
    int rc = message_next(&m->in, &type, &data, &len);

    if (rc == 0)
        return false;
    if (rc == 1) {
        rc = obey(m, type, data, len);
        buf_consume(&m->in, MESSAGE_HEADER + len);
        if (rc == 0)
            return true;
    }
    m->in.len = 0;
    failure_raise(m, evidence_cause(m, -1, HOW_LAUNCHER, 0, EXIT_LAUNCHER,
                                    "the rank sent its keeper a message that cannot be read"));
    return true;
}

bool rank_read(struct machine *m)
{
    for (int round = 0; round < READ_ROUNDS; round++) {
        char *into = buf_reserve(&m->in, READ_LEAST);
        size_t room = m->in.capacity - m->in.len;
        ssize_t n = read(m->socket, into, room);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0)
            return false;
        m->in.len += (size_t)n;
        heard(m);
        if ((size_t)n < room)
            break; /* what there was; the end, if it has come, is read in the next turn */
    }
    return true;
}
