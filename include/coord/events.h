/* events: what a coordinator does when something happens that no message tells: a neighbour falls
 * silent or rings, a signal comes, its parent or a sleeper dies.
 */
#ifndef COORD_EVENTS_H
#define COORD_EVENTS_H

#include "coord/state.h"

/* The neighbour behind that link of the pulse has been silent for too long. */
void coord_on_silence(struct coord *c, int link);

/* Has somebody rung? A rank that waits at a gate passes on what rings for it, at most 20 times a
 * second. A keeper rings when its rank has died: then that neighbour is lost. */
bool coord_hear_doorbell(struct coord *c);

/* This rank has got a signal. */
void coord_on_signal(struct coord *c, int number);

/* The process that started this rank is gone. */
void coord_on_parent_gone(struct coord *c);

/* A sleeper of this machine has got the signal `what`, or has died (-1). */
void coord_on_sleeper(struct coord *c, int what);

#endif
