/* rounds: collectives and gates of simulated ranks. Each goes up a binomial tree, or down, or both,
 * hop by hop: a member passes on what it has when it has entered and its own have come. A gate's
 * tree begins at another member each time.
 */
#ifndef SIM_ROUNDS_H
#define SIM_ROUNDS_H

#include "base/buf.h"
#include "base/err.h"
#include "world.h"

enum round_kind { ROUND_BROADCAST, ROUND_COLLECT, ROUND_DEAL, ROUND_NARROW, ROUND_GATE };

struct comm;

struct part {
    bool entered, sent_up, down_come, sent_down;
    int awaited;   /* children that have not sent up */
    int64_t since; /* us; that it has entered */
};

struct round {
    struct comm *comm;
    enum round_kind kind;
    int number;
    int top; /* member at which the tree begins */
    struct part *parts;
    struct buf data;  /* rank 0's to all, or of all */
    int64_t value[2]; /* a gate's */
    struct comm *narrowed;
    struct round *next;
};

struct comm *comm_world(void);
int comm_size(const struct comm *comm);
struct node *comm_member(const struct comm *comm, int rank);

/* Those that stay in that round, which is done; *rank is the caller's, and gets its new one. */
struct comm *comm_narrow(struct comm *comm, struct round *round, int *rank);

/* The round in which that member is. */
struct round *comm_now(const struct comm *comm, int rank);

/* The member's next round, which it joins with round_go. All members must have the same ones. */
struct round *round_enter(struct comm *comm, int rank, enum round_kind kind);

/* Rank 0's bytes; and a member's among all. */
void round_give(struct round *round, const void *data, size_t len);
void round_put(struct round *round, int rank, const void *data, size_t len);

void round_go(struct round *round, int rank);

/* Is it done as far as that member is concerned? */
bool round_is_done(const struct round *round, int rank);

/* Joins and waits for that, as peers_mpi does. 0, or -1 with err after PEERS_OPEN_TIMEOUT_MS. */
int round_finish(struct round *round, int rank, const char *call, struct err *err);

#endif
