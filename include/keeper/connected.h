/* connected: the time limit for trainers and samplers to be connected to all servers
 * (--connect_timeout). Judges this machine's servers. The keeper's own.
 */
#ifndef KEEPER_CONNECTED_H
#define KEEPER_CONNECTED_H

#include "keeper/state.h"
#include "wire/pack.h"

/* Takes the addresses of all machines, which the rank sends with a plan that has the limit. 0, or
 * -1: they cannot be read. */
int connected_machines(struct machine *m, struct unpack *payload);

/* The trainers have been started. Sets TIMER_CLIENTS. */
void connected_begin(struct machine *m);

/* TIMER_CLIENTS: looks, and raises a failure when the time is over and a client is surely not
 * connected. */
void connected_look(struct machine *m);

#endif
