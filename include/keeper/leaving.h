/* leaving: orderly ends, and whether it was the time for them. The keeper's own. */
#ifndef KEEPER_LEAVING_H
#define KEEPER_LEAVING_H

#include "keeper/state.h"

/* leaving_judge: handles the n children in ended, which were reaped together, as far as they
 * exited with 0; call it after failure_judge. leaving_servers_overdue: some servers have left and
 * the others did not follow in time. leaving_samplers_overdue: samplers and their machine's
 * trainers did not leave together; true: stop the samplers. leaving_drain_overdue: servers still
 * run in DRAIN. */
void leaving_judge(struct machine *m, const int *ended, int n);
void leaving_servers_overdue(struct machine *m);
bool leaving_samplers_overdue(struct machine *m);
void leaving_drain_overdue(struct machine *m);

#endif
