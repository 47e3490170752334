/* rank: the keeper's look at its own rank. What follows from the rank's death is link.c's. */
#include "keeper/rank.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/failure.h"
#include "keeper/link.h"

enum {
    OTHERS_MS = 5000, /* beyond --kill_grace, for the other machines to end the job first */
    ALARM_MS = 1000   /* from ALRM to KILL */
};

void rank_watch(struct machine *m)
{
    bool waited_for = m->slice->machines > 1; /* else who has stopped the rank may let it go on */

    silence_start(&m->rank.silence, waited_for ? m->slice->lost_timeout_ms : 0, clock_ms());
}

void rank_heard(struct machine *m)
{
    silence_heard(&m->rank.silence, clock_ms());
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
    failure_raise(m, failure_about(m, -1, HOW_LAUNCHER, 0, EXIT_LAUNCHER, what));
    free(what);
}

/* Our parent, as long as it lives: nobody else gets the signal. */
static void signal_rank(const struct machine *m, int number)
{
    if (m->rank.pid > 1 && getppid() == m->rank.pid)
        kill(m->rank.pid, number);
}

static void end_rank(struct machine *m, int64_t now)
{
    signal_rank(m, m->rank.state == RANK_SILENT ? SIGALRM : SIGKILL);
    m->rank.state = RANK_TOLD;
    m->rank.ends = now + ALARM_MS;
}

void rank_tick(struct machine *m, int64_t now)
{
    if (m->rank_gone || m->may_leave)
        return;
    if (silence_is_over(&m->rank.silence, now) && m->rank.state == RANK_SPEAKS)
        fall_silent(m, now);
    if (now >= m->rank.ends)
        end_rank(m, now);
}

int64_t rank_deadline(const struct machine *m)
{
    int64_t look = silence_next_look(&m->rank.silence);

    if (m->rank_gone || m->may_leave)
        return CLOCK_NEVER;
    return look < m->rank.ends ? look : m->rank.ends;
}
