/* events: silence, signals, the parent, the sleepers. */
#include "coord/events.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "coord/alarm.h"
#include "coord/asking.h"
#include "coord/preempt.h"
#include "coord/tell.h"
#include "report/sentence.h"
#include "wire/outcome.h"
#include "wire/slice.h"
#include "wire/waiting.h"

enum {
    ASKED_MOST = 8,      /* ranks, whether they hear this one */
    ANSWER_MIN_MS = 1500 /* for their answers */
};

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

/* False: all other ranks are neighbours. */
static bool ask_others(struct coord *c)
{
    int asked = 0;

    for (int r = 0; r < c->peers->size && asked < ASKED_MOST; r++) {
        if (r == c->peers->rank || pulse_link(&c->pulse, r) >= 0)
            continue;
        coord_send(c, r, MESSAGE_HERE, NULL);
        asked++;
    }
    return asked > 0;
}

/* A rank that hears none of its neighbours asks others, too, whether somebody hears it. */
static bool awaits_answers(struct coord *c, int64_t now)
{
    int64_t patience = c->pulse.timeout_ms / 4;

    if (!c->asked) {
        c->asked = ask_others(c) ? now : 0;
        c->answered = false;
        return c->asked;
    }
    return !c->answered && now - c->asked <= (patience > ANSWER_MIN_MS ? patience : ANSWER_MIN_MS);
}

/* Who is lost: this machine when it is cut off, else the neighbour behind link. silent: all n links
 * that are. */
static void describe_silence(const struct coord *c, int link, const int *silent, int n,
                             bool is_cut_off, struct cause *cause)
{
    double seconds = (double)c->pulse.timeout_ms / 1000;
    struct buf text = {0};

    if (is_cut_off) {
        buf_addf(&text, "for %g s it has heard from none of its %d neighbour%s (", seconds, n,
                 text_plural((size_t)n));
        add_names(c, silent, n, &text);
        buf_addf(&text, ")");
    } else {
        name_lost(c, link, cause);
        buf_addf(&text, "nothing was heard from it for %g s", seconds);
        if (n > 1) {
            buf_addf(&text, "; %d of the %d neighbours of %s are silent: ", n, c->pulse.n,
                     c->setup->meeting->host);
            add_names(c, silent, n, &text);
        }
    }
    buf_add(&text, "", 1);
    cause->text = text.data;
}

/* A rank that hears none of its neighbours, and nobody else, takes its own machine for the lost
 * one; of two machines, the other one. */
void coord_on_silence(struct coord *c, int link)
{
    int64_t now = clock_ms();
    int silent[TREE_LINKS_MAX], n = pulse_silent(&c->pulse, now, silent);
    bool hears_none = n == c->pulse.n && c->peers->size > 2;
    struct cause *cause;

    if (hears_none && awaits_answers(c, now))
        return;
    cause = coord_own_cause(c, HOW_LOST, 0, EXIT_LAUNCHER, NULL);
    cause->pid = 0;
    describe_silence(c, link, silent, n, hears_none && !(c->asked && c->answered), cause);
    coord_fail(c, cause);
}

/* ---- the doorbell ---- */

static void on_death(struct coord *c, int link)
{
    struct cause *cause;

    if (c->run.ends >= ENDS_PEER_LOST)
        return;
    cause = coord_own_cause(c, HOW_LOST, 1, EXIT_LAUNCHER, "its rank of dgl-mpilaunch has died");
    cause->pid = 0;
    name_lost(c, link, cause);
    coord_fail(c, cause);
}

static void hear(struct coord *c, const struct ringing *ringing, int64_t now)
{
    enum { AWAKE_MS = 50 };
    int link = pulse_link(&c->pulse, (int)ringing->rank);

    if (ringing->what == RINGING_GATE && c->run.gate_entered && now - c->rung_for_gate > AWAKE_MS)
        coord_ring_for_gate(c, link);
    if (ringing->what == RINGING_ASK && c->root)
        coord_ask(c, false);
    if (link < 0 || ringing->what == RINGING_ASK)
        return;
    c->neighbours[link].rings = true;
    if (ringing->what == RINGING_DEATH && ringing->word &&
        ringing->word == c->neighbours[link].word)
        on_death(c, link);
}

bool coord_hear_doorbell(struct coord *c)
{
    enum { HEARD_MOST = 32 };
    int64_t now = clock_ms();
    struct ringing ringing;
    int heard = 0;

    for (; heard < HEARD_MOST && doorbell_hear(&c->doorbell, now, &ringing); heard++)
        hear(c, &ringing, now);
    if (heard == HEARD_MOST) /* somebody repeats what he has seen on the network */
        doorbell_be_deaf(&c->doorbell, now);
    return heard > 0;
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
    if (number == SIGUSR1) {
        coord_show_state(c);
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
    if (what > 0 && (what == c->preempt_signal || what == SIGUSR1))
        coord_on_signal(c, what);
    else if (what > 0)
        tell_signal(c, what); /* the same signal reaches every rank of a machine: no hurry */
    else if (what < 0)
        coord_fail(c, coord_own_cause(c, HOW_LAUNCHER, 0, EXIT_LAUNCHER,
                                      "another rank of this machine has died"));
}
