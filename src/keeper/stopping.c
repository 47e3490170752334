/* stopping: who gets which signal when a machine's processes are ended. Trainers and samplers go
 * before the servers of their machine, whose handler for TERM would else meet a storm of
 * reconnects; all of them have kill_grace together.
 */
#include "keeper/stopping.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/doing.h"
#include "keeper/failure.h"
#include "keeper/link.h"
#include "keeper/proc.h"
#include "keeper/program.h"

enum {
    KILL_AGAIN_MS = 1000,
    SERVERS_MS = 1000,   /* of kill_grace, for the servers alone at its end; at most half of it */
    SAY_SLOW_EVERY = 10, /* KILLs */
    UNKILLED_MOST = 16   /* are named */
};

static void mark_stopped(struct machine *m)
{
    failure_note_dying(m);
    for (int i = 0; i < m->n; i++)
        m->children[i].stopped |= m->children[i].running && m->children[i].dying == 0;
}

/* The servers that run: their pids, in an array that the caller frees; *n: how many. */
static pid_t *running_servers(const struct machine *m, size_t *n)
{
    pid_t *pids = mem_calloc((size_t)m->n + 1, sizeof(*pids));

    *n = 0;
    for (int i = 0; i < m->n; i++) {
        if (state_is_server(&m->children[i]) && m->children[i].running)
            pids[(*n)++] = m->children[i].pid;
    }
    return pids;
}

static int64_t servers_share(const struct machine *m)
{
    int64_t half = m->slice ? m->slice->kill_grace_ms / 2 : 0;

    return half < SERVERS_MS ? half : SERVERS_MS;
}

/* ---- what not even KILL ends ---- */

/* "trainer 1 (pid 4711, state D)", "python3 (pid 4712, state D) of trainer 1" */
static char *describe(const struct machine *m, const struct procs *left, const struct proc *proc)
{
    const struct proc *top = proc, *parent;
    const struct child *child;
    char state = proc_state(proc->pid);
    int i;

    while ((parent = procs_find(left, top->parent)))
        top = parent;
    i = state_child_of(m, top->pid);
    child = i < 0 ? NULL : &m->children[i];
    if (child && top == proc)
        return mem_printf("%s %d (pid %d, state %c)", role_name(child->plan->role), child->plan->id,
                          (int)proc->pid, state);
    if (!child)
        return mem_printf("%s (pid %d, state %c)", proc->name, (int)proc->pid, state);
    return mem_printf("%s (pid %d, state %c) of %s %d", proc->name, (int)proc->pid, state,
                      role_name(child->plan->role), child->plan->id);
}

static void describe_all(const struct machine *m, const struct procs *left, struct strv *out)
{
    for (size_t i = 0; i < left->n && i < UNKILLED_MOST; i++) {
        char *text = describe(m, left, &left->items[i]);

        strv_add(out, text);
        free(text);
    }
    if (left->n > UNKILLED_MOST)
        strv_addf(out, "%zu more", left->n - UNKILLED_MOST);
}

static char *joined(const struct strv *texts)
{
    struct buf all = {0};

    for (size_t i = 0; i < texts->n; i++)
        buf_addf(&all, "%s%s", i == 0 ? "" : "; ", texts->items[i]);
    buf_add(&all, "", 1);
    return all.data;
}

static void note_unkilled(struct machine *m)
{
    struct procs left = {0};
    char *who;

    ending_left(&left);
    strv_free(&m->unkilled);
    describe_all(m, &left, &m->unkilled);
    procs_free(&left);
    who = joined(&m->unkilled);
    link_warn(m,
              "processes of this job on %s do not die of SIGKILL (a file system or a driver "
              "that hangs?) and were left to the kernel: %s",
              m->host, who);
    free(who);
}

static void say_slow(struct machine *m, const struct procs *left)
{
    struct strv texts = {0};
    char *who, *line;

    describe_all(m, left, &texts);
    who = joined(&texts);
    line = mem_printf("%s waits for processes that have had SIGKILL and still end (their memory is "
                      "being freed?): %s",
                      m->host, who);
    link_say(m, line);
    free(line);
    free(who);
    strv_free(&texts);
}

/* Looks whether what had KILL is about to end: a file system or a driver may hold it in the
 * kernel. True when nothing has moved for so long that nobody waits any longer. */
static bool kill_is_vain(struct machine *m, const struct procs *left)
{
    int64_t now = clock_ms();

    if (m->kills++ == 0)
        ending_begin(&m->ending, now);
    if (ending_look(&m->ending, left, now))
        doing_progress();
    if (m->kills % SAY_SLOW_EVERY == 0 && left->n > 0)
        say_slow(m, left);
    return ending_is_vain(&m->ending, now);
}

/* ---- what outlives a good job ---- */

static void say_outlives(struct machine *m, const struct procs *left, const struct proc *proc)
{
    char *who = describe(m, left, proc);
    char *line =
        mem_printf("%s on %s still ran when the trainers and servers had ended, and gets "
                   "SIGTERM, then SIGKILL after --kill_grace; a trainer must wait for what "
                   "it has started (an upload, a checkpoint)",
                   who, m->host);

    link_warn(m, "%s", line);
    link_say(m, line);
    free(line);
    free(who);
}

/* Tells the user what is about to be ended although all processes of the plan have ended well:
 * wandb's upload, an asynchronous checkpoint. */
static void say_what_outlives(struct machine *m)
{
    struct procs left = {0};
    size_t said = 0;

    if (m->cause || m->told || m->reached != STAGE_DRAIN)
        return;
    ending_left(&left);
    for (size_t i = 0; i < left.n; i++) {
        const struct proc *proc = &left.items[i];
        int child = state_child_of(m, proc->pid);

        if ((child >= 0 && m->children[child].running) || proc->pid == m->sweeping ||
            program_is_helper(proc->pid))
            continue;
        if (said++ < UNKILLED_MOST)
            say_outlives(m, &left, proc);
    }
    if (said > UNKILLED_MOST)
        link_warn(m, "%zu more processes on %s outlived the trainers", said - UNKILLED_MOST,
                  m->host);
    procs_free(&left);
}

/* ---- who gets which signal ---- */

/* Is nothing but servers left? */
void stopping_look(struct machine *m)
{
    size_t n;
    pid_t *servers = running_servers(m, &n);
    int clients = proc_count(servers, n);

    free(servers);
    if (clients == 0)
        state_add(m, EVENT_DONE);
}

void stopping_clients(struct machine *m)
{
    size_t n;
    pid_t *servers;

    say_what_outlives(m);
    mark_stopped(m);
    shm_note(&m->shm, m->job_dir.fd);
    servers = running_servers(m, &n);
    proc_sweep(SIGTERM, servers, n);
    free(servers);
    m->stop_ends = clock_ms() + (m->slice ? m->slice->kill_grace_ms : 0);
    m->timers[TIMER_STAGE] = m->stop_ends - servers_share(m);
    stopping_look(m);
}

/* The samplers that run, and what is below them. */
static void find_samplers(const struct machine *m, struct procs *found)
{
    const struct proc *top, *parent;
    struct procs left = {0};
    size_t n = 0;
    int child;

    ending_left(&left);
    *found = (struct procs){0};
    found->items = mem_calloc(left.n + 1, sizeof(*found->items));
    for (size_t i = 0; i < left.n; i++) {
        top = &left.items[i];
        while ((parent = procs_find(&left, top->parent)))
            top = parent;
        child = state_child_of(m, top->pid);
        if (child >= 0 && state_is_sampler(&m->children[child]))
            found->items[n++] = left.items[i];
    }
    found->n = n;
    procs_free(&left);
}

static bool samplers_stay(struct machine *m)
{
    struct procs left;
    bool vain;

    find_samplers(m, &left);
    vain = kill_is_vain(m, &left);
    procs_free(&left);
    return vain;
}

/* KILLs the samplers that had TERM before, and is called again each second. */
void stopping_samplers(struct machine *m)
{
    bool told = false;

    for (int i = 0; i < m->n; i++) {
        struct child *child = &m->children[i];

        if (!state_is_sampler(child) || !child->running)
            continue;
        proc_sweep_tree(child->pid, child->stopped ? SIGKILL : SIGTERM);
        told |= !child->stopped;
        child->stopped = true;
    }
    m->timers[TIMER_SAMPLERS] = clock_ms() + (told ? m->slice->kill_grace_ms : KILL_AGAIN_MS);
    if (!told && samplers_stay(m))
        state_add(m, EVENT_DONE);
}

void stopping_servers(struct machine *m)
{
    for (int i = 0; i < m->n; i++) {
        if (state_is_server(&m->children[i]) && m->children[i].running)
            proc_sweep_tree(m->children[i].pid, SIGTERM);
    }
    m->timers[TIMER_STAGE] = m->stop_ends;
}

void stopping_all(struct machine *m)
{
    struct procs left = {0};

    mark_stopped(m);
    shm_note(&m->shm, m->job_dir.fd);
    proc_kill_all();
    m->timers[TIMER_STAGE] = clock_ms() + KILL_AGAIN_MS;
    ending_left(&left);
    if (kill_is_vain(m, &left)) {
        note_unkilled(m);
        state_add(m, EVENT_EMPTY);
    }
    procs_free(&left);
}
