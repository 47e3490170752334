/* regroup: after the loss of a machine the others go on with a spare one in its place (--spare,
 * --max_restarts), as the job's next attempt.
 */
#ifndef COORD_REGROUP_H
#define COORD_REGROUP_H

#include "coord/state.h"

/* Rank 0, when the attempt is over: the spare rank that is to take the place of the lost one; NULL:
 * there is none, or the job cannot go on. Borrowed. */
const struct spare *coord_find_spare(const struct coord *c);

/* The same in words, for the user, on behalf of root_conclude: who takes whose place. The caller's;
 * NULL likewise. */
char *coord_describe_spare(const struct coord *c);

/* Rank 0, after a failure, when one machine alone gives no sign of life: takes it for lost where a
 * spare one could take its place. A machine whose processes are all killed at once makes trainers
 * elsewhere fail long before --lost_timeout. */
bool coord_take_silent_for_lost(struct coord *c);

/* Rank 0 tells the others and the spare rank, and begins the next attempt. */
void coord_regroup(struct coord *c);

/* Rank 0 has told so. */
void coord_on_regroup(struct coord *c, const struct buf *payload);

/* A spare rank was called: it goes into the lost rank's place. 0, or -1 with err. */
int coord_join(struct coord_setup *setup, const struct buf *data, struct err *err);

#endif
