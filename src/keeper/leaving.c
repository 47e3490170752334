/* leaving: who has ended with 0, and whether that was the time for it. Servers leave after all
 * clients, because client 0 says so; trainers and samplers leave together, since both are clients
 * in DGL's barrier at exit (dist_context.py exit_client). So a stage ends here, and whoever leaves
 * alone is a failure.
 */
#include "keeper/leaving.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"
#include "keeper/link.h"

/* The time in which all servers must leave once one has: --exit_timeout, and this at least. They
 * leave one after the other, as the memory of their graphs is freed, and perhaps before the
 * trainers' processes have ended. */
enum { LEAVE_TOGETHER_MS = 10000 };

static int64_t patience(const struct machine *m)
{
    int64_t exit_timeout = m->slice->exit_timeout_ms;

    return exit_timeout > LEAVE_TOGETHER_MS ? exit_timeout : LEAVE_TOGETHER_MS;
}

static bool ended_well(const struct child *child)
{
    return WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}

/* ---- servers ---- */

/* All of this machine's servers have left with 0: only the coordinators can know whether that was
 * too early. */
static void all_left(struct machine *m)
{
    struct cause *cause = evidence_cause(m, m->left_first, HOW_LEFT_EARLY, 0, EXIT_LAUNCHER, NULL);

    link_send_cause(m, MESSAGE_LEFT, cause, m->children[m->left_first].end);
    cause_free(cause);
    m->timers[TIMER_LEFT] = m->stage == STAGE_TRAINERS && state_running(m, ROLE_TRAINER)
                                ? clock_ms() + patience(m)
                                : CLOCK_NEVER;
}

static void server_left(struct machine *m, int i)
{
    if (m->stage == STAGE_SERVERS || m->stage == STAGE_LISTENING) {
        failure_raise(m, evidence_cause(m, i, HOW_LEFT_EARLY, 0, EXIT_LAUNCHER, NULL));
        return;
    }
    if (m->left_first < 0) {
        m->left_first = i;
        m->timers[TIMER_LEFT] = clock_ms() + patience(m);
    }
}

void leaving_servers_overdue(struct machine *m)
{
    const struct child *first = &m->children[m->left_first];
    long long seconds = (clock_ms() - first->end) / 1000;
    char *text;

    if (state_running(m, ROLE_SERVER))
        text = mem_printf("server %d left %lld s ago and other servers of this machine did not",
                          first->plan->id, seconds);
    else
        text = mem_printf("all servers of this machine have left, the first %lld s ago, and "
                          "trainers still run",
                          seconds);
    failure_raise(m, evidence_cause(m, m->left_first, HOW_LEFT_EARLY, 0, EXIT_LAUNCHER, text));
    free(text);
}

/* ---- samplers that we have started ---- */

/* It is right that samplers leave after the trainers. */
static void sampler_left(struct machine *m, int i)
{
    if (m->sampler_left >= 0 || !state_running(m, ROLE_TRAINER))
        return;
    m->sampler_left = i;
    m->timers[TIMER_SAMPLERS] = clock_ms() + patience(m);
}

static void sampler_left_alone(struct machine *m)
{
    const struct child *first = &m->children[m->sampler_left];
    char *text = mem_printf("sampler %d left %lld s ago and trainers of this machine still run; "
                            "DGL's barrier at exit waits for every sampler",
                            first->plan->id, (long long)(clock_ms() - first->end) / 1000);

    failure_raise(m, evidence_cause(m, m->sampler_left, HOW_LEFT_EARLY, 0, EXIT_LAUNCHER, text));
    free(text);
}

/* The samplers that are about to be stopped. */
static void warn_who_stays(struct machine *m, enum role role)
{
    for (int i = 0; i < m->n; i++) {
        const struct child *child = &m->children[i];

        if (child->plan->role == role && child->running && !child->stopped)
            link_warn(m,
                      "%s %d (pid %d) on %s had not left %lld s after the trainers ended, and was "
                      "stopped",
                      role_name(role), child->plan->id, child->pid, m->host,
                      (long long)(m->slice->exit_timeout_ms / 1000));
    }
}

bool leaving_samplers_overdue(struct machine *m)
{
    if (state_running(m, ROLE_TRAINER)) {
        sampler_left_alone(m);
        return false;
    }
    warn_who_stays(m, ROLE_SAMPLER);
    return true;
}

void leaving_drain_overdue(struct machine *m)
{
    warn_who_stays(m, ROLE_SERVER);
}

/* ---- stages ---- */

/* No trainer and no sampler runs any more. */
static void look_for_done(struct machine *m)
{
    bool clients = state_running(m, ROLE_TRAINER) || state_running(m, ROLE_SAMPLER);
    bool servers = state_running(m, ROLE_SERVER);

    if (m->suspect.weight >= 0)
        return;
    if (m->stage == STAGE_TRAINERS && !clients) {
        if (!servers)
            m->timers[TIMER_LEFT] = CLOCK_NEVER;
        state_add(m, EVENT_DONE);
    } else if (m->stage == STAGE_DRAIN && !servers) {
        state_add(m, EVENT_DONE);
    }
}

/* Of children that were reaped together. */
static bool has_ended(const struct machine *m, const int *ended, int n, enum role role)
{
    for (int k = 0; k < n; k++) {
        if (m->children[ended[k]].plan->role == role)
            return true;
    }
    return false;
}

/* Samplers get exit_timeout to follow the last trainer of their machine; servers that have left are
 * no failure any more. */
static void await_samplers(struct machine *m, const int *ended, int n)
{
    if (!has_ended(m, ended, n, ROLE_TRAINER) || state_running(m, ROLE_TRAINER) ||
        !state_running(m, ROLE_SAMPLER))
        return;
    m->timers[TIMER_SAMPLERS] = clock_ms() + m->slice->exit_timeout_ms;
    if (!state_running(m, ROLE_SERVER))
        m->timers[TIMER_LEFT] = CLOCK_NEVER;
}

void leaving_judge(struct machine *m, const int *ended, int n)
{
    bool server = false;

    for (int k = 0; k < n && m->stage < STAGE_DRAIN; k++) {
        const struct child *child = &m->children[ended[k]];

        if (!ended_well(child))
            continue;
        if (state_is_server(child)) {
            server_left(m, ended[k]);
            server = true;
        } else if (state_is_sampler(child)) {
            sampler_left(m, ended[k]);
        }
    }
    if (server && m->left_first >= 0 && m->stage < STAGE_DRAIN && !state_running(m, ROLE_SERVER))
        all_left(m);
    await_samplers(m, ended, n);
    look_for_done(m);
}
