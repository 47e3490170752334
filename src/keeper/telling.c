/* telling: see the header. */
#include "keeper/telling.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/call.h"
#include "keeper/link.h"
#include "keeper/program.h"
#include "keeper/usage.h"

enum { LINE_MOST = 200 /* bytes of a last line */ };

static bool is_below(const struct procs *all, const struct proc *proc, pid_t top)
{
    while (proc && proc->pid != top)
        proc = procs_find(all, proc->parent);
    return proc != NULL;
}

static bool is_stopped(const struct proc *proc)
{
    return proc->state == 'T' || proc->state == 't';
}

static bool is_dead(const struct proc *proc)
{
    return proc->zombie;
}

/* The first of which that is true. */
static const struct proc *find_below(const struct procs *all, pid_t top, pid_t program,
                                     bool (*is)(const struct proc *proc))
{
    for (size_t i = 0; i < all->n; i++) {
        const struct proc *proc = &all->items[i];

        if (is(proc) && proc->pid != program && proc->pid != top && is_below(all, proc, top))
            return proc;
    }
    return NULL;
}

static char *odd_below(const struct procs *all, pid_t top, pid_t program)
{
    const struct proc *stopped = find_below(all, top, program, is_stopped);
    const struct proc *odd = stopped ? stopped : find_below(all, top, program, is_dead);

    if (!odd)
        return NULL;
    return mem_printf("pid %d (%s) is %s", (int)odd->pid, odd->name,
                      stopped ? "stopped" : "dead and not collected");
}

/* *socket: as in call_of. */
static struct process_now *now_of(const struct machine *m, const struct child *child,
                                  const struct procs *all, int64_t now, unsigned long *socket)
{
    struct process_now *what = mem_calloc(1, sizeof(*what));
    pid_t program = program_trainer_among(all, child->pid);
    const struct proc *proc = procs_find(all, program);
    bool has_output = m->output && child->stream >= 0;

    if (proc)
        what->state[0] = proc->state;
    what->call = call_of(program, socket);
    what->below = odd_below(all, child->pid, program);
    what->line = has_output ? output_last_line(m->output, child->stream, LINE_MOST) : NULL;
    what->silent_ms = has_output ? now - output_heard(m->output, child->stream) : 0;
    what->cpu_permille = usage_permille(child->cpu_spent, m->sampling.passed_ms);
    what->used = child->used;
    return what;
}

/* Of all that run. */
static void fill_now(const struct machine *m, struct outcome *outcome)
{
    unsigned long *sockets = mem_calloc((size_t)m->n + 1, sizeof(*sockets));
    char **peers = mem_calloc((size_t)m->n + 1, sizeof(*peers));
    struct procs all = {0};
    int64_t now = clock_ms();

    proc_below(getpid(), &all);
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running)
            outcome->processes[i].now = now_of(m, &m->children[i], &all, now, &sockets[i]);
    }
    call_peers(sockets, peers, (size_t)m->n);
    for (int i = 0; i < m->n; i++) {
        if (peers[i])
            outcome->processes[i].now->peer = peers[i];
    }
    procs_free(&all);
    free(peers);
    free(sockets);
}

int telling_answer(struct machine *m, struct unpack *payload)
{
    uint32_t number = unpack_u32(payload);
    struct outcome outcome;
    struct buf data = {0};

    if (payload->bad)
        return -1;
    outcome = link_outcome(m);
    fill_now(m, &outcome);
    pack_u32(&data, number);
    message_pack_outcome(&data, &outcome);
    link_send(m, MESSAGE_STATE, data.data, data.len);
    link_outcome_free(&outcome);
    buf_free(&data);
    return 0;
}
