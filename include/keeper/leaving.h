/* leaving: orderly ends, and whether it was the time for them. The keeper's own. */
#ifndef KEEPER_LEAVING_H
#define KEEPER_LEAVING_H

#include "keeper/state.h"

/* What follows from these ends, reaped together, where they were good ones: n numbers in ended.
 * After failure_judge. Then: servers have left and the others did not follow in time; a sampler and
 * its machine's trainers did not leave together (true: the samplers are to be stopped); servers
 * stay in DRAIN. */
void leaving_judge(struct machine *m, const int *ended, int n);
void leaving_servers_overdue(struct machine *m);
bool leaving_samplers_overdue(struct machine *m);
void leaving_drain_overdue(struct machine *m);

#endif
