/* rank: the keeper's look at its own rank, where the job has other machines that wait for this one.
 * A rank that is stopped, or held for ever by a call of MPI's, does nothing for its machine any
 * more.
 */
#ifndef KEEPER_RANK_H
#define KEEPER_RANK_H

#include "keeper/machine.h"

/* A plan has come: from now on the rank is to give a sign (PING) within --lost_timeout. */
void rank_watch(struct machine *m);

/* Something came from it. */
void rank_heard(struct machine *m);

/* A rank that gave no sign: its processes are stopped, and the sentence is said in its place. Where
 * it gives none until they have had their grace either, it is told to leave (ALRM), then KILLed:
 * for the other machines it is lost by then. */
void rank_tick(struct machine *m, int64_t now);

/* When rank_tick is due. */
int64_t rank_deadline(const struct machine *m);

#endif
