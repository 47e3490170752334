/* machine: what entering each stage does, who has ended, what is overdue. How processes are started
 * is starting.c's, how they are ended stopping.c's; what counts as a failure is failure.c's, how
 * things travel link.c's.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/awaited.h"
#include "keeper/clearing.h"
#include "keeper/deaths.h"
#include "keeper/doing.h"
#include "keeper/failure.h"
#include "keeper/hooked.h"
#include "keeper/leaving.h"
#include "keeper/link.h"
#include "keeper/machine.h"
#include "keeper/pipes.h"
#include "keeper/proc.h"
#include "keeper/rank.h"
#include "keeper/starting.h"
#include "keeper/stopping.h"
#include "keeper/program.h"

#define PROBE_FIRST_MS 50
#define FLUSH_MS       5000 /* OVER after a failure: for console credit */

bool machine_is_server(const struct child *child)
{
    return child->plan->role == ROLE_SERVER;
}

bool machine_is_sampler(const struct child *child)
{
    return child->plan->role == ROLE_SAMPLER;
}

bool machine_running(const struct machine *m, enum role role)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running && m->children[i].plan->role == role)
            return true;
    }
    return false;
}

static void enter_servers(struct machine *m)
{
    m->began = clock_ms();
    m->probe_every = PROBE_FIRST_MS;
    if (starting_prepare(m) != 0 || starting_all(m, true) != 0)
        return;
    if (m->slice->start_timeout_ms > 0)
        m->start_ends = m->began + m->slice->start_timeout_ms;
    if (m->n_servers == 0)
        machine_event(m, EVENT_READY);
    else
        starting_probe(m, m->began);
}

static void enter_listening(struct machine *m)
{
    m->probe_at = m->start_ends = CLOCK_NEVER;
    link_send_u32(m, MESSAGE_REACHED, REACHED_LISTENING);
}

static void enter_trainers(struct machine *m)
{
    starting_python_hook(m);
    if (starting_all(m, false) == 0 && m->n == m->n_servers)
        machine_event(m, EVENT_DONE);
}

static void enter_ended(struct machine *m)
{
    m->left_ends = m->samplers_end = CLOCK_NEVER;
    link_send_u32(m, MESSAGE_REACHED, REACHED_ENDED);
}

static void enter_drain(struct machine *m)
{
    m->drained = true;
    m->left_ends = CLOCK_NEVER;
    m->stage_ends = clock_ms() + m->slice->exit_timeout_ms;
    if (!machine_running(m, ROLE_SERVER))
        machine_event(m, EVENT_DONE);
}

/* What was due while the job ran is not due any more. */
void machine_forget_deadlines(struct machine *m)
{
    m->probe_at = m->start_ends = CLOCK_NEVER;
    m->left_ends = m->samplers_end = m->stage_ends = CLOCK_NEVER;
}

static void enter_over(struct machine *m)
{
    failure_decide(m); /* reads the job's folder and /dev/shm */
    machine_forget_deadlines(m);
    clearing_begin(m);
    m->flush_ends = m->cause == NULL && !m->told ? CLOCK_NEVER : clock_ms() + FLUSH_MS;
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

void machine_told_to_stop(struct machine *m, bool hurry)
{
    m->told = true;
    if (m->stage == STAGE_OVER && m->flush_ends == CLOCK_NEVER && !m->reported)
        m->flush_ends = clock_ms() + FLUSH_MS;
    machine_event(m, hurry ? EVENT_HURRY : EVENT_FAIL);
}

/* KILL is entered anew each second. */
void machine_event(struct machine *m, enum stage_event event)
{
    enum stage next = stage_next(m->stage, event);

    if (next == m->stage && !(next == STAGE_KILL && event == EVENT_DEADLINE))
        return;
    if (next != m->stage) {
        m->kills = 0;
        doing_progress();
    }
    m->stage = next;
    if (enter[next] != NULL)
        enter[next](m);
}

/* Where the command runs by a shell, the trainer is what the shell runs. */
static void preempt_child(const struct child *child, int signal)
{
    struct proc trainer;

    if (proc_read(program_trainer_of(child->pid), &trainer) == 0)
        proc_signal(&trainer, signal);
}

void machine_preempt(struct machine *m, int signal)
{
    for (int i = 0; i < m->n && m->stage == STAGE_TRAINERS; i++) {
        if (m->children[i].running && m->children[i].plan->role == ROLE_TRAINER)
            preempt_child(&m->children[i], signal);
    }
}

static void stage_overdue(struct machine *m)
{
    if (m->stage == STAGE_OVER) {
        clearing_look(m);
        return;
    }
    m->stage_ends = CLOCK_NEVER;
    for (int i = 0; i < m->n && m->stage == STAGE_DRAIN; i++) {
        if (m->children[i].running)
            failure_warn(m,
                         "server %d (pid %d) on %s had not left %lld s after the trainers ended, "
                         "and was stopped",
                         m->children[i].plan->id, m->children[i].pid, m->host,
                         (long long)(m->slice->exit_timeout_ms / 1000));
    }
    machine_event(m, EVENT_DEADLINE);
}

void machine_tick(struct machine *m, int64_t now)
{
    if (now >= m->probe_at && m->stage == STAGE_SERVERS)
        starting_probe(m, now);
    if (now >= m->start_ends && m->stage == STAGE_SERVERS)
        starting_overdue(m);
    if (now >= m->judge_ends)
        failure_decide(m);
    if (now >= m->left_ends)
        leaving_servers_overdue(m);
    if (now >= m->samplers_end)
        leaving_samplers_overdue(m);
    if (now >= m->stage_ends)
        stage_overdue(m);
    awaited_tick(m, now);
    deaths_tick(m, now);
    pipes_tick(m, now);
    rank_tick(m, now);
    shm_tick(&m->shm, now, m->job_dir.fd);
}

bool machine_may_report(const struct machine *m)
{
    return m->stage == STAGE_OVER && m->clearing == 0 && !m->reported;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t machine_deadline(const struct machine *m)
{
    int64_t first = earlier(m->probe_at, m->start_ends);

    first = earlier(first, m->judge_ends);
    first = earlier(first, earlier(m->left_ends, m->samplers_end));
    first = earlier(first, m->stage_ends);
    first = earlier(first, m->silent_at);
    first = earlier(first, deaths_deadline(m));
    first = earlier(first, pipes_deadline(m));
    first = earlier(first, rank_deadline(m));
    first = earlier(first, shm_deadline(&m->shm));
    if (m->output != NULL && !m->rank_gone)
        first = earlier(first, output_deadline(m->output));
    if (!machine_may_report(m))
        return first;
    return m->rank_gone ? 0 : earlier(first, m->flush_ends);
}

void machine_init(struct machine *m, int rank, int socket, const struct spawn_origin *origin)
{
    *m = (struct machine){.origin = *origin,
                          .rank = {.pid = rank, .ends = CLOCK_NEVER},
                          .socket = socket,
                          .job_dir = JOBDIR_NONE,
                          .suspect = {.weight = -1},
                          .left_first = -1,
                          .sampler_left = -1,
                          .began = -1,
                          .stage_ends = CLOCK_NEVER,
                          .stop_ends = CLOCK_NEVER,
                          .probe_at = CLOCK_NEVER,
                          .start_ends = CLOCK_NEVER,
                          .judge_ends = CLOCK_NEVER,
                          .left_ends = CLOCK_NEVER,
                          .samplers_end = CLOCK_NEVER,
                          .silent_at = CLOCK_NEVER,
                          .flush_ends = CLOCK_NEVER};
    gethostname(m->host, sizeof m->host - 1);
}

/* What belongs to one attempt. */
static void clear(struct machine *m)
{
    output_close(m->output);
    cause_free(m->cause);
    cause_free(m->suspect.cause);
    deaths_free(m);
    hooked_close(m);
    warnings_clear(&m->warnings);
    strv_free(&m->unkilled);
    free(m->children);
    free(m->servers);
    jobdir_close(&m->job_dir);
    free(m->python_hook);
    free(m->last_words);
    slice_free(m->slice);
}

void machine_again(struct machine *m)
{
    const struct machine before = *m;

    clear(m);
    machine_init(m, before.rank.pid, before.socket, &before.origin);
    m->shm = before.shm;
    m->in = before.in;
    m->out = before.out;
}

void machine_free(struct machine *m)
{
    clear(m);
    buf_free(&m->in);
    buf_free(&m->out);
}
