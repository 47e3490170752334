/* starting: prepares what the processes of an attempt need, starts them, and looks which servers
 * LISTEN. The keeper's own.
 */
#ifndef KEEPER_STARTING_H
#define KEEPER_STARTING_H

#include "keeper/state.h"

/* Output, shared memory, the job's folder; then the Python hook of trainers and samplers. 0, or -1
 * after a failure was raised. */
int starting_prepare(struct machine *m);
void starting_python_hook(struct machine *m);

/* Starts the servers, or everything else. 0, or -1 after a failure was raised. */
int starting_all(struct machine *m, bool servers);

/* starting_probe looks which servers LISTEN, and adds EVENT_READY when all do. starting_overdue:
 * start_timeout is over and some do not. */
void starting_probe(struct machine *m);
void starting_overdue(struct machine *m);

#endif
