/* will: what a rank leaves to its keeper: whom to tell when the rank has died. MPI tells nobody
 * under srun [measured]. The keeper's own. */
#ifndef KEEPER_WILL_H
#define KEEPER_WILL_H

#include "keeper/state.h"
#include "wire/pack.h"

/* Takes MESSAGE_WILL's payload; 0, or -1 when it cannot be read. The last one counts. */
int will_take(struct machine *m, struct unpack *payload);

/* The rank has died: rings at its neighbours now, and nine times more within a second, since a
 * ringing may get lost. The keeper lives so long (will.fd). */
void will_open(struct machine *m);

void will_tick(struct machine *m, int64_t now);
int64_t will_deadline(const struct machine *m);

void will_free(struct machine *m);

#endif
