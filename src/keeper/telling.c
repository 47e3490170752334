/* telling: see the header. */
#include "keeper/telling.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/call.h"
#include "keeper/link.h"
#include "keeper/program.h"

enum { LINE_MOST = 200 /* bytes of a last line */ };

static int64_t cpu_permille(const struct machine *m, const struct child *child)
{
    int64_t passed = m->sampling.passed_ms;

    if (passed <= 0)
        return 0;
    return (int64_t)(child->cpu_spent * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK)) /
           passed;
}

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

static struct process_now *now_of(const struct machine *m, const struct child *child,
                                  const struct procs *all, int64_t now)
{
    struct process_now *what = mem_calloc(1, sizeof(*what));
    pid_t program = program_trainer_of(child->pid);
    int64_t heard = m->output && child->stream >= 0 ? output_heard(m->output, child->stream) : now;

    what->state[0] = proc_state(program);
    if (what->state[0] == '?')
        what->state[0] = '\0';
    what->call = call_of(program, &what->peer);
    what->below = odd_below(all, child->pid, program);
    what->line = m->output && child->stream >= 0
                     ? output_last_line(m->output, child->stream, LINE_MOST)
                     : NULL;
    what->silent_ms = now - heard;
    what->cpu_permille = cpu_permille(m, child);
    what->used = child->used;
    return what;
}

int telling_answer(struct machine *m, struct unpack *payload)
{
    uint32_t number = unpack_u32(payload);
    struct outcome outcome;
    struct procs all = {0};
    struct buf data = {0};
    int64_t now = clock_ms();

    if (payload->bad)
        return -1;
    outcome = link_outcome(m);
    proc_below(getpid(), &all);
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running)
            outcome.processes[i].now = now_of(m, &m->children[i], &all, now);
    }
    procs_free(&all);
    pack_u32(&data, number);
    message_pack_outcome(&data, &outcome);
    link_send(m, MESSAGE_STATE, data.data, data.len);
    link_outcome_free(&outcome);
    buf_free(&data);
    return 0;
}
