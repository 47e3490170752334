/* machine: steps through a machine's stages. Used by the keeper's loop alone. Whatever happens,
 * all that follows from it has happened when a function returns: no event is left in the queue.
 */
#ifndef KEEPER_MACHINE_H
#define KEEPER_MACHINE_H

#include "keeper/state.h"

/* A signal from outside to this keeper. */
void machine_told_to_stop(struct machine *m, int signal);

/* SIGCHLD has come. */
void machine_reap(struct machine *m);

/* Something has come from the rank, or it is gone. */
void machine_obey(struct machine *m);

/* Does what is due. */
void machine_tick(struct machine *m, int64_t now);

/* When something will be due. */
int64_t machine_deadline(const struct machine *m);

/* Is the machine OVER, and is all known that the rank is to be told of the attempt, and not told
 * yet? */
bool machine_may_report(const struct machine *m);

#endif
