/* ending: a mark made of everything that changes while a process ends. A process that not even KILL
 * ends sleeps in the kernel: its CPU time and its resident memory stand still.
 */
#include "keeper/ending.h"

#include <unistd.h>

enum { VAIN_MS = 8000 };

/* FNV-1a, over whole numbers. */
static void mix(uint64_t *mark, uint64_t value)
{
    *mark = (*mark ^ value) * UINT64_C(1099511628211);
}

static uint64_t mark_of(const struct procs *left)
{
    uint64_t mark = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < left->n; i++) {
        const struct proc *proc = &left->items[i];

        mix(&mark, (uint64_t)proc->pid);
        mix(&mark, proc->start);
        mix(&mark, proc->cpu);
        mix(&mark, (uint64_t)proc->resident);
        mix(&mark, (uint64_t)proc->threads);
    }
    return mark;
}

/* A process that waits for a CPU counts as moving. */
static bool one_runs(const struct procs *left)
{
    for (size_t i = 0; i < left->n; i++) {
        if (proc_state(left->items[i].pid) == 'R')
            return true;
    }
    return false;
}

void ending_begin(struct ending *ending, int64_t now)
{
    *ending = (struct ending){.moved = now};
}

void ending_left(struct procs *left)
{
    ending_left_but(left, 0);
}

void ending_left_but(struct procs *left, pid_t spared)
{
    struct procs below = {0};
    size_t n = 0;

    proc_below_except(getpid(), &spared, spared > 0, &below);
    for (size_t i = 0; i < below.n; i++) {
        if (!proc_has_ended(&below.items[i]))
            below.items[n++] = below.items[i];
    }
    below.n = n;
    procs_free(left);
    *left = below;
}

bool ending_look(struct ending *ending, const struct procs *left, int64_t now)
{
    uint64_t mark = mark_of(left);
    bool moved = mark != ending->mark || one_runs(left);

    ending->mark = mark;
    if (moved)
        ending->moved = now;
    return moved;
}

bool ending_is_vain(const struct ending *ending, int64_t now)
{
    return now - ending->moved >= VAIN_MS;
}
