/* stopping: who gets which signal when a machine's processes are ended. Trainers and samplers go
 * before the servers of their machine, whose handler for TERM would else meet a storm of
 * reconnects; all of them have kill_grace together.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/failure.h"
#include "keeper/machine.h"
#include "keeper/proc.h"
#include "keeper/reaping.h"
#include "keeper/stopping.h"

#define KILL_AGAIN_MS 1000
#define KILLS_MOST    8
#define SERVERS_MS    1000 /* of kill_grace, for the servers alone at its end; at most half of it */

static void mark_stopped(struct machine *m)
{
    for (int i = 0; i < m->n; i++)
        m->children[i].stopped |= m->children[i].running;
}

/* The servers that run: their pids, in an array that the caller frees; *n: how many. */
static pid_t *running_servers(const struct machine *m, size_t *n)
{
    pid_t *pids = mem_calloc((size_t)m->n + 1, sizeof *pids);

    *n = 0;
    for (int i = 0; i < m->n; i++) {
        if (machine_is_server(&m->children[i]) && m->children[i].running)
            pids[(*n)++] = m->children[i].pid;
    }
    return pids;
}

static int64_t servers_share(const struct machine *m)
{
    int64_t half = m->slice == NULL ? 0 : m->slice->kill_grace_ms / 2;

    return half < SERVERS_MS ? half : SERVERS_MS;
}

/* Is nothing but servers left? */
void stopping_look(struct machine *m)
{
    size_t n;
    pid_t *servers = running_servers(m, &n);
    int clients = proc_count(servers, n);

    free(servers);
    if (clients == 0)
        machine_event(m, EVENT_DONE);
}

/* Reaped first: what ended before we signalled it did so by itself. */
void stopping_clients(struct machine *m)
{
    size_t n;
    pid_t *servers;

    machine_forget_deadlines(m);
    reaping_reap(m);
    failure_decide(m);
    if (m->stage != STAGE_STOP)
        return;
    mark_stopped(m);
    shm_note(&m->shm, m->job_dir.fd);
    servers = running_servers(m, &n);
    proc_sweep(SIGTERM, servers, n);
    free(servers);
    m->stop_ends = clock_ms() + (m->slice == NULL ? 0 : m->slice->kill_grace_ms);
    m->stage_ends = m->stop_ends - servers_share(m);
    stopping_look(m);
}

/* A process that a file system or a driver holds does not die of KILL before that lets it go. True
 * after so many that it is not waited for any more. */
static bool kill_is_vain(struct machine *m)
{
    if (++m->kills <= KILLS_MOST)
        return false;
    failure_warn(
        m,
        "processes of this job on %s do not die of SIGKILL (a file system or a driver that "
        "hangs?) and were left to the kernel",
        m->host);
    return true;
}

/* Those that have had TERM get KILL, again each second. */
void stopping_samplers(struct machine *m)
{
    bool told = false;

    for (int i = 0; i < m->n; i++) {
        struct child *child = &m->children[i];

        if (!machine_is_sampler(child) || !child->running)
            continue;
        proc_sweep_tree(child->pid, child->stopped ? SIGKILL : SIGTERM);
        told |= !child->stopped;
        child->stopped = true;
    }
    m->samplers_end = clock_ms() + (told ? m->slice->kill_grace_ms : KILL_AGAIN_MS);
    if (!told && kill_is_vain(m))
        machine_event(m, EVENT_DONE);
}

void stopping_servers(struct machine *m)
{
    machine_forget_deadlines(m);
    for (int i = 0; i < m->n; i++) {
        if (machine_is_server(&m->children[i]) && m->children[i].running)
            proc_sweep_tree(m->children[i].pid, SIGTERM);
    }
    m->stage_ends = m->stop_ends;
}

void stopping_all(struct machine *m)
{
    machine_forget_deadlines(m);
    reaping_reap(m);
    failure_decide(m);
    if (m->stage != STAGE_KILL)
        return;
    mark_stopped(m);
    shm_note(&m->shm, m->job_dir.fd);
    proc_kill_all();
    m->stage_ends = clock_ms() + KILL_AGAIN_MS;
    if (kill_is_vain(m))
        machine_event(m, EVENT_EMPTY);
}
