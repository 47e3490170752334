/* rank: the keeper's look at its own rank: what its messages want, and whether it still gives signs
 * where the job has other machines that wait for this one. A rank that is stopped, or held for ever
 * by a call of MPI's, does nothing for its machine any more.
 */
#ifndef KEEPER_RANK_H
#define KEEPER_RANK_H

#include "keeper/state.h"

enum { RANK_FLUSH_MS = 5000 }; /* after a failure or STOP, once all is over: for console credit */

/* Reads what has come; false: it is gone, once what came has been obeyed. Each piece is a sign of
 * life: after a plan it is to give one (PING) within --lost_timeout. */
bool rank_read(struct machine *m);

/* Does what the next message wants; false: there is none. The events that it added are to be taken
 * before the next call: a message is about the stage that the one before it has brought about. */
bool rank_obey(struct machine *m);

/* A rank that gave no sign: its processes are stopped, and the sentence is said in its place. Where
 * it gives none until they have had their grace either, it is told to leave (ALRM), then KILLed:
 * for the other machines it is lost by then. */
void rank_tick(struct machine *m, int64_t now);

/* When rank_tick is due. */
int64_t rank_deadline(const struct machine *m);

#endif
