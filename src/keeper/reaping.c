/* reaping: which child the kernel says has ended, is stopped, or goes on. What follows from an
 * end is failure.c's and leaving.c's.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/clearing.h"
#include "keeper/deaths.h"
#include "keeper/failure.h"
#include "keeper/hooked.h"
#include "keeper/leaving.h"
#include "keeper/link.h"
#include "keeper/machine.h"
#include "keeper/proc.h"
#include "keeper/reaping.h"
#include "keeper/stopping.h"
#include "report/report.h"

int reaping_child_of(const struct machine *m, pid_t pid)
{
    int found = -1;

    for (int i = 0; i < m->n; i++) {
        if (m->children[i].pid == pid && (found < 0 || m->children[i].running))
            found = i;
    }
    return found;
}

/* Orphans that came to us are reaped too; they are nobody's failure. */
void reaping_reap(struct machine *m)
{
    int *ended = mem_calloc((size_t)m->n + 1, sizeof *ended);
    struct rusage usage;
    int status, n = 0;
    pid_t pid;

    hooked_pump(m); /* what a child's Python has told came before that child's end */
    while ((pid = proc_reap(&status, &usage)) > 0) {
        int i = reaping_child_of(m, pid);

        if (pid == m->sweeping)
            m->sweeping = 0;
        if (clearing_reaped(m, pid))
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
    failure_judge(m, ended, n);
    if (m->stage < STAGE_STOP)
        leaving_judge(m, ended, n);
    free(ended);
    if (pid < 0)
        machine_event(m, EVENT_EMPTY);
    else if (m->stage == STAGE_STOP && m->stop_ends != CLOCK_NEVER)
        stopping_look(m);
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
void reaping_look_paused(struct machine *m)
{
    int signal, i;
    pid_t pid;

    while ((pid = proc_paused(&signal)) > 0) {
        i = reaping_child_of(m, pid);
        if (i < 0 || !m->children[i].running || m->stage >= STAGE_STOP ||
            m->children[i].paused == (signal != 0))
            continue;
        m->children[i].paused = signal != 0;
        say_paused(m, &m->children[i], signal);
    }
}
