/* starting: what the processes of an attempt need before the first of them, their starts, and who
 * of the servers LISTENs. The keeper's own.
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

/* Looks who LISTENs; EVENT_READY when all servers do. start_timeout is over for the others. */
void starting_probe(struct machine *m);
void starting_overdue(struct machine *m);

#endif
