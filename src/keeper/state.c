/* state: a keeper's memory: made, emptied for the next attempt, freed; the queue of its events. */
#include "keeper/state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- its processes ---- */

bool state_is_server(const struct child *child)
{
    return child->plan->role == ROLE_SERVER;
}

bool state_is_sampler(const struct child *child)
{
    return child->plan->role == ROLE_SAMPLER;
}

bool state_running(const struct machine *m, enum role role)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running && m->children[i].plan->role == role)
            return true;
    }
    return false;
}

int state_child_of(const struct machine *m, pid_t pid)
{
    int found = -1;

    for (int i = 0; i < m->n; i++) {
        if (m->children[i].pid == pid && (found < 0 || m->children[i].running))
            found = i;
    }
    return found;
}

/* ---- events and timers ---- */

void state_add(struct machine *m, enum stage_event what)
{
    for (int i = 0; i < m->n_events; i++) {
        if (m->events[i].what == what && m->events[i].raised == m->stage)
            return;
    }
    m->events[m->n_events++] = (struct event){what, m->stage};
}

/* A failure counts in any stage, and so does the word that nothing is left. */
static bool is_late(const struct machine *m, const struct event *event)
{
    bool of_a_stage = event->what == EVENT_GO || event->what == EVENT_READY ||
                      event->what == EVENT_DONE || event->what == EVENT_DEADLINE;

    return of_a_stage && event->raised != m->stage;
}

bool state_take(struct machine *m, enum stage_event *what)
{
    while (m->n_events > 0) {
        struct event event = m->events[0];

        m->n_events--;
        memmove(m->events, m->events + 1, (size_t)m->n_events * sizeof(event));
        *what = event.what;
        if (!is_late(m, &event))
            return true;
    }
    return false;
}

void state_forget_timers(struct machine *m)
{
    static const enum timer timers[] = {TIMER_PROBE,    TIMER_START,  TIMER_LEFT, TIMER_CLIENTS,
                                        TIMER_SAMPLERS, TIMER_SAMPLE, TIMER_STAGE};

    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        m->timers[timers[i]] = CLOCK_NEVER;
}

/* ---- its life ---- */

void state_init(struct machine *m, int rank, int socket, const struct spawn_origin *origin)
{
    *m = (struct machine){.origin = *origin,
                          .rank = {.pid = rank, .ends = CLOCK_NEVER},
                          .socket = socket,
                          .job_dir = JOBDIR_NONE,
                          .hooked = {.fd = -1},
                          .suspect = {.weight = -1},
                          .left_first = -1,
                          .sampler_left = -1,
                          .began = -1,
                          .stop_ends = CLOCK_NEVER,
                          .will = {.fd = -1, .next = CLOCK_NEVER},
                          .waiting = {.left = -1}};
    for (int i = 0; i < TIMER_COUNT; i++)
        m->timers[i] = CLOCK_NEVER;
    gethostname(m->host, sizeof(m->host) - 1);
}

/* What belongs to one attempt. */
static void clear(struct machine *m)
{
    output_close(m->output);
    cause_free(m->cause);
    cause_free(m->suspect.cause);
    free(m->deaths);
    clients_free(&m->connected.clients);
    watch_close(m->watch);
    oom_close(m->oom);
    sampler_close(m->sampling.sampler);
    curve_free(&m->sampling.curve);
    if (m->hooked.fd >= 0)
        close(m->hooked.fd);
    free(m->hooked.known);
    warnings_clear(&m->warnings);
    strv_free(&m->unkilled);
    free(m->children);
    free(m->servers);
    jobdir_close(&m->job_dir);
    free(m->python_hook);
    free(m->last_words);
    slice_free(m->slice);
}

void state_again(struct machine *m)
{
    const struct machine before = *m;

    clear(m);
    state_init(m, before.rank.pid, before.socket, &before.origin);
    m->shm = before.shm;
    m->will = before.will;
    m->in = before.in;
    m->out = before.out;
    m->sweeping = before.sweeping;
    m->logs = before.logs;
}

void state_free(struct machine *m)
{
    clear(m);
    buf_free(&m->in);
    buf_free(&m->out);
}
