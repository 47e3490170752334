/* preempt: the trainers of all machines get the pre-emption signal that one rank has got, to write
 * a checkpoint. Then the job ends by itself, or is stopped.
 */
#ifndef COORD_PREEMPT_H
#define COORD_PREEMPT_H

#include "coord/state.h"

/* Rank `from` (-1: this one) has got the signal. Takes the cause over. */
void coord_preempt(struct coord *c, struct cause *cause, int from);

/* Rank 0: the grace is over, and the job has not ended by itself. */
void coord_preempt_is_over(struct coord *c);

#endif
