/* relay: what goes further than to a neighbour travels along the tree, from hop to hop. A rank's
 * way to rank 0 is its parent; it goes there directly when the parent is lost, or when rank 0 has
 * called it itself because the parent passes nothing on. So each rank has log2(size) connections,
 * and a rank that dies or stands still costs its children alone another one.
 */
#ifndef COORD_RELAY_H
#define COORD_RELAY_H

#include "coord/state.h"

/* UP: passes on what is for rank 0. True: it is for this rank, *payload is what was sent, and *from
 * and *type say by whom and what. */
bool coord_on_up(struct coord *c, int *from, enum message_type *type, struct buf *payload);

/* DOWN: the same for what rank 0 has sent. */
bool coord_on_down(struct coord *c, enum message_type *type, struct buf *payload);

/* The parent passes nothing on: from now on this rank tells rank 0 itself, the outcome, which may
 * be with the parent, once more. */
void coord_leave_parent(struct coord *c);

/* That machine is lost: leaves the parent if it is the parent's. */
void coord_go_round(struct coord *c, int machine);

enum { CALLED_MOST = 32 }; /* ranks that rank 0 calls directly at a time */

/* Rank 0 tells all ranks, when a machine is lost: along the tree, and directly those that may stand
 * behind a gap in it. Any machine may be lost without its being known yet, so that of a small job
 * all are told directly. Each passes it on to its children. */
void coord_tell_survivors(struct coord *c, enum message_type type, const struct buf *data);

/* Waits until what was queued has left this rank, for a moment at most: before it leaves MPI, or
 * forgets what is under way. */
void coord_await_sent(struct coord *c);

/* ROLL, by which rank 0 asks those for a sign of life whose outcome is missing. It brings the
 * alarm too, since the rank that should have passed that on may be stopped. Rank 0 sends it along
 * the tree, and to those directly that have given no sign. */
void coord_on_roll(struct coord *c, int from, const struct buf *payload);
void coord_on_sign(struct coord *c, const struct buf *payload);

/* Does rank 0 live? Each rank asks its parent, and rank 0's answer goes to all below those that
 * have asked. A rank passes the questions of a moment on as one. */
void coord_seek_root(struct coord *c);
void coord_on_seek(struct coord *c, int from);
void coord_pass_on_seeking(struct coord *c, int64_t now); /* call it in each turn */
void coord_on_root_lives(struct coord *c, int from);

/* Something has come that shows that rank 0 lives. Whether it came behind a question is noted apart
 * from the time, since both may be in the same millisecond. */
void coord_root_lives(struct coord *c);

#endif
