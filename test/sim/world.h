/* world: simulated time, and the ranks as coroutines of one process. A rank runs until it waits in
 * poll; then the next event in time has its turn. One world a process: what a rank allocates is
 * freed by the process's end alone, as in life.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/log.h"
#include "coord/tree.h"
#include "schedule.h"

enum fate {
    FATE_RUNS,
    FATE_LEFT,    /* by peers_leave */
    FATE_EXITED,  /* by _exit */
    FATE_ABORTED, /* by MPI_Abort, its own or another's */
    FATE_LOST     /* with its machine */
};

#define WORLD_FOREVER INT64_MAX

/* What is counted of a rank. */
struct counts {
    int64_t sent, received, bytes_received; /* messages of ours; none of the collectives' */
    int peers;                              /* distinct ranks that it had messages from or to */
    size_t largest[2];                      /* message received, by lane */
    int64_t turns;
    int64_t memory, memory_peak; /* bytes that the rank has allocated */
    int64_t cpu_ns;              /* rank 0's alone, and only where it is asked for */
};

enum { NODE_RUNG_MOST = 10 }; /* as many as a socket keeps */

struct sim_peers;
struct sim_keeper;

/* One rank. */
struct node {
    int index;   /* in MPI's world */
    int machine; /* with one rank a machine, its index */
    bool sleeps; /* beyond one a machine */
    ucontext_t context;
    char *stack;
    void *fake_stack;                /* AddressSanitizer's */
    int64_t turn;                    /* counts what it was woken for: an older timer is stale */
    int64_t frozen_until, cut_until; /* us */
    enum fate fate;
    bool was_ended; /* by another's MPI_Abort */
    int code;
    int64_t ended;       /* us */
    int64_t gate_passed; /* us: the last one */
    int64_t last_look;
    int looks; /* without time passing */

    void (*sink)(void *arg, const char *line);
    void *sink_arg;
    enum log_level level;
    int signals[4], n_signals; /* that have come and are not taken */
    bool parent_gone, holds_signals;
    bool check_fails;
    int64_t reader_back; /* us */
    int scribe_answers;  /* that can be taken */
    bool scribe_removed, scribe_hangs;
    int told_to_wake;             /* sleeper: 1 + the code that its elected rank has sent */
    struct node *at_the_door;     /* the node of its number's machine that has a doorbell */
    int64_t rung[NODE_RUNG_MOST]; /* as standin_doorbell has them */
    int n_rung;
    /* its last will: its word, its rank, and the machines that are told */
    uint64_t last_word;
    uint32_t will_rank;
    int heirs[TREE_LINKS_MAX], n_heirs;
    struct sim_peers *peers;
    struct sim_keeper *keeper;
    struct counts counts;
};

struct world {
    const struct schedule *schedule;
    struct node *nodes;
    int size;
    struct node *current; /* NULL: the scheduler's turn */
    int64_t now;          /* us */
    bool traces, measures;
    int64_t events;
    int job_code; /* of the first MPI_Abort; -1: none */
};

extern struct world world;

/* Makes schedule's ranks. life is run on each one's stack; it never returns. */
void world_begin(const struct schedule *schedule, bool traces, void (*life)(struct node *node));

/* Runs until no rank runs any more, or until simulated time reaches most_us. */
void world_run(int64_t most_us);

/* fire(arg, n) in so many us. */
void world_in(int64_t us, void (*fire)(void *arg, int64_t n), void *arg, int64_t n);

/* us; by the schedule's latency and seed. */
int64_t world_latency(void);
int world_chance(int limit); /* 0 <= result < limit */

int64_t world_ms(void);
struct node *world_node(int index);

/* Gives up this rank's turn until something wakes it, for us at most; below 0: for ever. */
void node_wait(int64_t us);

/* Something has come that poll would tell. */
void node_wake(struct node *node);

/* Ends a rank. Does not return when it is the current one. */
void node_end(struct node *node, enum fate fate, int code);
bool node_runs(const struct node *node);

/* Stands still, for us; what wakes it waits until then. */
void node_freeze(struct node *node, int64_t us);

/* Is nothing exchanged with it now? */
bool node_is_cut(const struct node *node);

/* One line of the trace. node NULL: nobody's. */
void trace(const struct node *node, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A rule that holds for every schedule is broken. Ends the process; see judge. */
_Noreturn void violated(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
