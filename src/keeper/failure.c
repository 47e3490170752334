/* failure: what counts as one, and which is the first. A process that ends badly while the job
 * runs, a signal from outside; who leaves with 0 before its time is leaving.c's. What we have
 * signalled ourselves is never a cause; trouble in DRAIN is a warning.
 */
#include "keeper/failure.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/evidence.h"
#include "keeper/link.h"
#include "report/cause.h"
#include "report/signal.h"

/* A process that dumps core can be reaped only later than the peers that died of its death. How
 * long it has been dying is not known. So it is taken to have died longer ago than its dump and
 * an alarm from its peers' machine take on slow machines; what dies after the alarm, we have
 * killed. */
enum {
    DYING_AGE_MS = 5000,
    DYING_WAIT_MS = 10000 /* for the end of one, before another's end is the cause */
};

static void raise_at(struct machine *m, struct cause *cause, int64_t since)
{
    if (m->cause) {
        cause_free(cause);
        return;
    }
    m->cause = cause;
    m->failed_at = since;
    link_send_cause(m, MESSAGE_FAILED, cause, since);
    state_add(m, EVENT_FAIL);
}

/* A failure that is found once everything is being stopped is our own doing. */
void failure_raise(struct machine *m, struct cause *cause)
{
    if (m->stage >= STAGE_STOP)
        cause_free(cause);
    else
        raise_at(m, cause, clock_ms());
}

void failure_told_to_stop(struct machine *m, int signal)
{
    failure_raise(m,
                  evidence_cause(m, -1, HOW_TOLD_TO_STOP, signal, EXIT_SIGNAL_BASE + signal, NULL));
}

static bool ended_badly(const struct child *child)
{
    return !WIFEXITED(child->status) || WEXITSTATUS(child->status) != 0;
}

/* Takes candidate's cause over. */
static void consider(struct machine *m, struct suspect candidate)
{
    struct suspect loser = candidate;

    if (m->suspect.weight < 0)
        m->timers[TIMER_JUDGE] = candidate.since + REPORT_MOMENT_MS;
    if (candidate.weight > m->suspect.weight) {
        loser = m->suspect;
        m->suspect = candidate;
    }
    cause_free(loser.cause);
}

/* Did it die by a signal that nobody sends to all of a job's processes, and that DGL does not
 * raise itself after a lost connection or TERM (SIGABRT)? */
static bool crashed(const struct child *child)
{
    int signal = WIFSIGNALED(child->status) ? WTERMSIG(child->status) : 0;

    return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
           signal == SIGSYS;
}

/* When it died. One that has dumped core had begun to die before its peers lost it. */
static int64_t death_of(const struct child *child)
{
    if (!crashed(child))
        return child->end;
    if (child->dying != 0)
        return child->dying;
    return WCOREDUMP(child->status) ? child->end - DYING_AGE_MS : child->end;
}

/* Others may end while a dying one is waited for: they are later. */
static void consider_child(struct machine *m, int i)
{
    const struct child *child = &m->children[i];
    enum how how = WIFSIGNALED(child->status) ? HOW_SIGNALED : HOW_EXITED;
    int w = report_weight(how, child->plan->role);
    int64_t since = death_of(child);

    if (m->suspect.weight < 0 || since <= m->suspect.since + REPORT_MOMENT_MS)
        consider(m, (struct suspect){.weight = w, .child = i, .since = since});
}

void failure_suspect(struct machine *m, struct cause *cause, int64_t since)
{
    int w = report_weight(cause->how, cause->role);

    if (m->stage >= STAGE_STOP)
        cause_free(cause);
    else
        consider(m, (struct suspect){w, -1, cause, since});
}

/* A zombie is looked at too: one that became it since the last reaping ended before our signal. */
bool failure_note_dying(struct machine *m)
{
    struct procs below = {0};
    bool found = false;

    proc_below(getpid(), &below);
    for (size_t k = 0; k < below.n; k++) {
        int i = below.items[k].dying ? state_child_of(m, below.items[k].pid) : -1;

        found = found || (below.items[k].dying && !proc_has_ended(&below.items[k]));
        if (i >= 0 && m->children[i].running && m->children[i].dying == 0)
            m->children[i].dying = clock_ms() - DYING_AGE_MS;
    }
    procs_free(&below);
    return found;
}

bool failure_awaits_dying(struct machine *m)
{
    int64_t now = clock_ms();

    if (m->suspect.weight < 0 || m->stage >= STAGE_STOP ||
        now >= m->suspect.since + DYING_WAIT_MS || !failure_note_dying(m))
        return false;
    m->timers[TIMER_JUDGE] = now + REPORT_MOMENT_MS;
    return true;
}

void failure_decide(struct machine *m)
{
    struct suspect suspect = m->suspect;

    m->suspect = (struct suspect){.weight = -1};
    m->timers[TIMER_JUDGE] = CLOCK_NEVER;
    if (suspect.weight < 0)
        return;
    if (!suspect.cause)
        suspect.cause = evidence_of_end(m, suspect.child);
    raise_at(m, suspect.cause, suspect.since);
}

static void warn_end(struct machine *m, int i)
{
    const struct child *child = &m->children[i];

    if (WIFSIGNALED(child->status))
        link_warn(m, "%s %d (pid %d) on %s was ended by %s after all trainers had ended well",
                  role_name(child->plan->role), child->plan->id, child->pid, m->host,
                  report_signal_name(WTERMSIG(child->status)));
    else
        link_warn(m, "%s %d (pid %d) on %s exited with %d after all trainers had ended well",
                  role_name(child->plan->role), child->plan->id, child->pid, m->host,
                  WEXITSTATUS(child->status));
}

/* Once everything is being stopped, an end that had begun before counts only if it is a crash. */
static bool is_ours(const struct machine *m, const struct child *child)
{
    return child->stopped || (m->stage >= STAGE_STOP && child->dying != 0 && !crashed(child));
}

bool failure_judge(struct machine *m, int i)
{
    if (is_ours(m, &m->children[i]))
        return true;
    if (!ended_badly(&m->children[i]))
        return false;
    if (m->reached == STAGE_DRAIN)
        warn_end(m, i);
    else
        consider_child(m, i);
    return true;
}
