/* stopping: who gets which signal when a machine's processes are ended. The keeper's own. */
#ifndef KEEPER_STOPPING_H
#define KEEPER_STOPPING_H

#include "keeper/state.h"

/* Entries of STOP, STOP_SERVERS and KILL. Before STOP and KILL, reap what has ended. */
void stopping_clients(struct machine *m);
void stopping_servers(struct machine *m);
void stopping_all(struct machine *m);

/* In TRAINERS, without trainers: TERM to the samplers that we have started, then KILL. */
void stopping_samplers(struct machine *m);

/* In STOP: is nothing but servers left? Then EVENT_DONE. */
void stopping_look(struct machine *m);

#endif
