/* events: silence, signals, the parent, the sleepers. */
#include "coord/events.h"

#include <stdlib.h>

#include "base/clock.h"
#include "coord/alarm.h"
#include "coord/preempt.h"
#include "report/sentence.h"
#include "wire/outcome.h"
#include "wire/slice.h"
#include "wire/waiting.h"

/* ---- silence ---- */

/* "vm1"; "the machine of rank 1" before its first beat. */
static void add_neighbour(const struct coord *c, int link, struct buf *text)
{
    if (c->neighbours[link].host)
        buf_addf(text, "%s", c->neighbours[link].host);
    else
        buf_addf(text, "the machine of rank %d", c->pulse.links[link]);
}

static void add_names(const struct coord *c, const int *silent, int n, struct buf *text)
{
    enum { NAMED = 4 };

    for (int i = 0; i < n && i < NAMED; i++) {
        buf_addf(text, "%s", i ? ", " : "");
        add_neighbour(c, silent[i], text);
    }
    if (n > NAMED)
        buf_addf(text, " and %d more", n - NAMED);
}

/* Puts the neighbour behind that link into the cause. */
static void name_lost(const struct coord *c, int link, struct cause *cause)
{
    struct buf host = {0};

    add_neighbour(c, link, &host);
    buf_add(&host, "", 1);
    free(cause->host);
    cause->host = host.data;
    cause->machine = c->neighbours[link].host ? c->neighbours[link].machine : -1;
    if (c->pulse.links[link] == 0)
        cause->machine = c->setup->meeting->root_machine;
}

/* A rank that hears none of several neighbours takes its own machine for the lost one. */
void coord_on_silence(struct coord *c, int link)
{
    struct cause *cause = coord_own_cause(c, HOW_LOST, 0, EXIT_LAUNCHER, NULL);
    int silent[PEERS_LINKS_MAX], n = pulse_silent(&c->pulse, clock_ms(), silent);
    double seconds = (double)c->pulse.timeout_ms / 1000;
    struct buf text = {0};

    cause->pid = 0;
    if (n == c->pulse.n && n > 1) {
        buf_addf(&text, "for %g s it has heard from none of its %d neighbours (", seconds, n);
        add_names(c, silent, n, &text);
        buf_addf(&text, ")");
    } else {
        name_lost(c, link, cause);
        buf_addf(&text, "nothing was heard from it for %g s", seconds);
    }
    if (n < c->pulse.n && n > 1) {
        buf_addf(&text, "; %d of the %d neighbours of %s are silent: ", n, c->pulse.n,
                 c->setup->meeting->host);
        add_names(c, silent, n, &text);
    }
    buf_add(&text, "", 1);
    cause->text = text.data;
    coord_fail(c, cause);
}

/* ---- signals and sleepers ---- */

static void tell_signal(struct coord *c, int number)
{
    coord_fail(c, coord_own_cause(c, HOW_TOLD_TO_STOP, number, EXIT_SIGNAL_BASE + number, NULL));
}

void coord_on_signal(struct coord *c, int number)
{
    if (number == c->preempt_signal) {
        coord_preempt(c, coord_own_cause(c, HOW_PREEMPTED, number, EXIT_PREEMPTED, NULL), -1);
        return;
    }
    if (c->told == TOLD_HERE)
        coord_hurry(c, -1);
    c->told = TOLD_HERE;
    tell_signal(c, number);
}

/* A parent that leaves after the job was told to end does not wait for the grace: Open MPI's mpirun
 * does so after a second Ctrl-C. */
void coord_on_parent_gone(struct coord *c)
{
    c->parent = PARENT_NONE;
    if (c->told)
        coord_hurry(c, -1);
    else
        coord_fail(c, coord_own_cause(c, HOW_PARENT_GONE, 0, EXIT_LAUNCHER, NULL));
}

void coord_on_sleeper(struct coord *c, int what)
{
    if (what > 0 && what == c->preempt_signal)
        coord_on_signal(c, what);
    else if (what > 0)
        tell_signal(c, what); /* the same signal reaches every rank of a machine: no hurry */
    else if (what < 0)
        coord_fail(c, coord_own_cause(c, HOW_LAUNCHER, 0, EXIT_LAUNCHER,
                                      "another rank of this machine has died"));
}
