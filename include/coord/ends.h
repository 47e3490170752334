/* ends: how an attempt of the job ends, as one machine knows it, and how its rank leaves then.
 * Pure.
 */
#ifndef COORD_ENDS_H
#define COORD_ENDS_H

#include <stdbool.h>

#include "wire/outcome.h"

/* A later reason can only raise it. */
enum ends {
    ENDS_NOT,       /* it runs, or has ended well */
    ENDS_PREEMPTED, /* its trainers have the pre-emption signal, and may still end by themselves */
    ENDS_FAILED,    /* it is stopped; another attempt may follow */
    ENDS_TOLD,      /* the job as a whole is stopped: a signal, a dead parent, pre-emption */
    ENDS_PEER_LOST, /* a machine is lost and no gate opens any more; rank 0 says when to leave */
    ENDS_ROOT_LOST, /* rank 0's machine is lost */
    ENDS_CUT_OFF,   /* a machine is lost and rank 0 does not answer: this one is the lost one */
    ENDS_ABANDONED, /* rank 0 has given machines up and leaves without a gate, as all then do */
    ENDS_COUNT
};

/* What a cause means: FAILED, TOLD, PEER_LOST, or ROOT_LOST when it names rank 0's machine. */
enum ends ends_of(enum how how, bool names_root);

/* The greater of both, with two exceptions: a failure beside a pre-emption is TOLD, since no other
 * attempt may follow; and of machines that are lost the first counts, since a machine that is cut
 * off says the same of the others. */
enum ends ends_after(enum ends now, enum ends reason);

/* Are the processes stopped? */
bool ends_stops(enum ends ends);

/* Is it about the job as a whole, so that no other attempt follows? (But after the loss of a
 * machine one may, with a spare one: regroup.) */
bool ends_job(enum ends ends);

enum leaving {
    LEAVE_IMPOSSIBLE,
    LEAVE_NOT,      /* rank 0 will say when */
    LEAVE_TOGETHER, /* through the last gate, as all ranks */
    LEAVE_ALONE,    /* no other rank is known to leave as well: it aborts the rest */
    LEAVE_AT_ONCE   /* no other rank can be reached, or rank 0 has said so: MPI_Abort would wait */
};

/* How a rank whose machine is over leaves. late: what it waits for has not come in time. Asserts
 * that the three can come together: only who stops is ever late, and rank 0 is never cut off. */
enum leaving ends_leaving(enum ends ends, bool is_root, bool late);

#endif
