/* schedule: what happens in one simulated job: its size, its options, its network, and what goes
 * wrong. It comes from a seed or from text, goes back to text, and can be made smaller. Pure.
 */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum incident_kind {
    INCIDENT_FAIL,    /* a trainer exits with value; below 0: dies of signal -value */
    INCIDENT_LEFT,    /* all servers of the machine leave with 0 while trainers run */
    INCIDENT_LOST,    /* the machine is gone; value 1: its rank, and the keeper tells */
    INCIDENT_STALL,   /* the machine (rank and keeper) stands still for value ms */
    INCIDENT_CUT,     /* nothing reaches or leaves it for value ms; 0: for ever */
    INCIDENT_SIGNAL,  /* the rank gets signal value */
    INCIDENT_PARENT,  /* the process that started the rank ends */
    INCIDENT_PREEMPT, /* the rank gets the pre-emption signal; value 1: trainers end by it */
    INCIDENT_DIE,     /* the keeper is killed */
    INCIDENT_SILENT,  /* the keeper answers nothing any more */
    INCIDENT_SLOW,    /* they end only when the grace is over */
    INCIDENT_STUCK,   /* the processes do not end when they are told to */
    INCIDENT_CHECK,   /* its ip_config is another one */
    INCIDENT_LATE,    /* its servers never listen: the keeper's start time-out */
    INCIDENT_SCRIBE,  /* its scribe answers nothing any more */
    INCIDENT_ASK,     /* a user wants to know what all do (USR1) */
    INCIDENT_READER,  /* nobody reads rank 0's console for value ms */
    INCIDENT_COUNT
};

/* From when an incident's time counts: the job's start, or when this machine enters a stage. */
enum anchor {
    FROM_START,
    FROM_SERVERS,
    FROM_TRAINERS,
    FROM_DRAIN,
    FROM_STOP,
    FROM_OVER,
    FROM_COUNT
};

struct incident {
    enum incident_kind kind;
    enum anchor from;
    int machine; /* its rank, with one rank a machine */
    int at;      /* ms */
    int value;
};

enum { INCIDENTS_MOST = 8, SCHEDULE_RANKS_MOST = 16384 };

struct schedule {
    uint64_t seed; /* of what is left to chance: latencies, pauses */
    int machines;
    int sleepers; /* ranks beyond one a machine, in all */
    int trainers; /* a machine */
    int lost_ms, grace_ms, restarts, run_ms;
    int latency_us;     /* of most messages; one in sixteen takes up to ten times as long */
    bool abort_is_deaf; /* MPI_Abort ends only the rank that calls it */
    int n;
    struct incident incidents[INCIDENTS_MOST];
};

/* Random, the same for the same seed. machines 0: as the seed has it. */
void schedule_draw(struct schedule *s, uint64_t seed, int machines);

/* "seed=1 machines=7 fail:3@trainers+20=7 ...": what is not named keeps its value, so that a text
 * may follow another. 0, or -1: *wrong is the word that is not understood. */
int schedule_parse(struct schedule *s, const char *text, const char **wrong);
void schedule_print(const struct schedule *s, struct buf *out);

/* For so many machines where everything goes well, then what the text says; returns as
 * schedule_parse does. */
int schedule_make(struct schedule *s, int machines, const char *text, const char **wrong);

/* The machine with the largest subtree but for the first, in the binomial tree. */
int schedule_inner(int machines);

/* Writes the number'th way to make it smaller into *smaller; false: there are no more. Some ways
 * change nothing. */
bool schedule_shrink(const struct schedule *s, int number, struct schedule *smaller);

const char *schedule_incident(enum incident_kind kind);

#endif
