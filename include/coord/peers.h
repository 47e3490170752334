/* peers: the other coordinators, as an interface that a program without MPI can implement too.
 * Implementations: peers_mpi (with its _init, _spare and _leave the only user of mpi.h), peers_solo
 * (one machine, no MPI), and test/sim's, a simulated network.
 *
 * Life: open; the opening collectives, in the same order on all ranks; narrow to one rank a
 * machine; then messages and gates, none of which blocks; leave or abort, which do not return.
 */
#ifndef COORD_PEERS_H
#define COORD_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "coord/fragments.h"
#include "coord/launch.h"
#include "wire/message.h"

struct peers; /* holds the ops first; see peers_ops */

/* What the ranks leave behind the last gate. */
enum parting {
    PARTING_DONE,   /* nothing from outside has ended the job */
    PARTING_TOLD,   /* a signal has, after which MPI_Finalize may never come back */
    PARTING_ORPHANS /* a rank's parent has gone: the process manager may not hear of its end */
};

struct peers_ops {
    int (*broadcast)(struct peers *p, struct buf *data, struct err *err);
    int (*collect)(struct peers *p, const void *mine, size_t size, void *all, struct err *err);
    int (*deal)(struct peers *p, const void *all, size_t size, void *mine, struct err *err);
    void (*stay)(struct peers *p);
    int (*narrow)(struct peers *p, bool stay, struct err *err);
    int (*spare)(struct peers *p, bool is_spare, struct err *err); /* this and the next six: NULL */
    void (*wake)(struct peers *p, int code, enum parting parting); /* where no rank can be spare */
    bool (*woken)(struct peers *p, int *code, enum parting *parting);
    bool (*may_regroup)(const struct peers *p);
    void (*call)(struct peers *p, int number, const struct buf *data);
    bool (*called)(struct peers *p, struct buf *data);
    int (*regroup)(struct peers *p, const int *members, int n, struct err *err);
    int (*send)(struct peers *p, int to, enum message_type type, const void *data, size_t len);
    int (*receive)(struct peers *p, struct peers_message *message);
    bool (*all_sent)(struct peers *p);
    void (*gate_enter)(struct peers *p, const int64_t value[2]);
    int (*gate_passed)(struct peers *p, int64_t result[2]);
    void (*leave)(struct peers *p, int code, enum parting parting) __attribute__((noreturn));
    void (*abort)(struct peers *p, int code) __attribute__((noreturn));
};

struct peers {
    const struct peers_ops *ops;
    int rank; /* in the whole world until narrow, then among those who stayed */
    int size;
    const char *name;    /* "Open MPI v4.1.4, ...", "no MPI": for --version and the report */
    const char *network; /* how this MPI is told which network to use */
};

/* With MPI or without, as the process was launched. Ends the process when MPI sees another number
 * of ranks than was started. NULL with err on failure. */
struct peers *peers_open(const struct launch *launch, struct err *err);

/* Starts MPI. The signal handlers must be in place, the keeper forked. NULL with err on failure. */
struct peers *peers_mpi_open(const struct launch *launch, struct err *err);

/* One rank, no MPI. Never fails. */
struct peers *peers_solo_open(void);

/* Opening collectives. They wait for all ranks (polling, not spinning) for at most
 * PEERS_OPEN_TIMEOUT_MS, then -1 with err (EXIT_LAUNCHER). */
enum { PEERS_OPEN_TIMEOUT_MS = 120000 };

/* The words of that error; they take the seconds, the call that waited, and peers->network. */
#define PEERS_NO_ANSWER                                                                            \
    "not all ranks answered within %d s at start (%s); is the network between the machines open "  \
    "to MPI, and the right one? %s names it"

/* Rank 0's bytes to all; on the others *data is replaced. */
int peers_broadcast(struct peers *p, struct buf *data, struct err *err);

/* Rank 0 gets size bytes of each rank in all (size * p->size bytes; NULL elsewhere). */
int peers_collect(struct peers *p, const void *mine, size_t size, void *all, struct err *err);

/* Rank r gets the r-th size bytes of rank 0's all (NULL elsewhere). */
int peers_deal(struct peers *p, const void *all, size_t size, void *mine, struct err *err);

/* All ranks learn the greatest code: it is in err->code, and err has no text. -1 with err as the
 * collectives. */
int peers_agree(struct peers *p, int code, struct err *err);

/* All ranks stay, one a machine: in the place of narrow. Calls no MPI. */
void peers_stay(struct peers *p);

/* All ranks call it, after peers_agree. Those that stay are numbered again from 0 in the same
 * order; for the others only spare, woken, called, regroup, leave and abort are left. */
int peers_narrow(struct peers *p, bool stay, struct err *err);

/* All ranks call it after peers_narrow, where some of those that do not stay are spare: on machines
 * that the job does not use, so that nobody there could wake them. */
int peers_spare(struct peers *p, bool is_spare, struct err *err);

/* Rank 0 wakes the spare ranks, if there are any, with what it leaves with, and those that were
 * called pass it on; waits a second at most. */
void peers_wake(struct peers *p, int code, enum parting parting);

/* A spare rank: has rank 0 woken it? Then it leaves with these. */
bool peers_woken(struct peers *p, int *code, enum parting *parting);

/* Can the ranks go on without one that is lost, as far as the MPI and who started it allow? */
bool peers_may_regroup(const struct peers *p);

/* Rank 0 calls the spare rank with that number in the whole world. Nobody waits until it is heard.
 */
void peers_call(struct peers *p, int number, const struct buf *data);

/* A spare rank: has rank 0 called it? Then data, which the caller frees, has what rank 0 said. */
bool peers_called(struct peers *p, struct buf *data);

/* After a loss: the ranks with these numbers in the whole world, in this order, go on alone. All of
 * them call it; this one is among them. It waits for them; where one does not come, the process
 * ends after 30 s with EXIT_LAUNCHER. Messages that are under way are forgotten. -1 with err: not
 * all are told so. */
int peers_regroup(struct peers *p, const int *members, int n, struct err *err);

/* Waits until all ranks have called it, or for five seconds: before they leave together without
 * having run a gate. Not while a child lives. */
void peers_assemble(struct peers *p);

/* Queues a message; order is kept between two ranks in each lane (fragments). -1: MPI reports an
 * error for a peer. */
int peers_send(struct peers *p, int to, enum message_type type, const void *data, size_t len);

/* 1: *message holds one that has come. 0: none now. -1: MPI reports an error. */
int peers_receive(struct peers *p, struct peers_message *message);

/* Lets leave what can; has everything that was queued left? */
bool peers_all_sent(struct peers *p);

/* A gate opens when all ranks have entered it; the result is the maximum of each value. One gate at
 * a time; all ranks enter the same gates in the same order. gate_passed: 1 when open, 0 not yet, -1
 * MPI reports an error. */
void peers_gate_enter(struct peers *p, const int64_t value[2]);
int peers_gate_passed(struct peers *p, int64_t result[2]);

/* Ends this rank after the last gate, when everything has been said; all ranks call it with the
 * same values. How depends on the MPI that runs (see the file); whatever is called has a deadline.
 */
_Noreturn void peers_leave(struct peers *p, int code, enum parting parting);

/* Ends all ranks that can still be reached, now. */
_Noreturn void peers_abort(struct peers *p, int code);

#endif
