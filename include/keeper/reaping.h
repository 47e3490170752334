/* reaping: who has ended, is stopped, or goes on. The keeper's own. */
#ifndef KEEPER_REAPING_H
#define KEEPER_REAPING_H

#include "keeper/machine.h"

/* The child that runs, or else ran, under this pid; -1: none. */
int reaping_child_of(const struct machine *m, pid_t pid);

/* Reaps what has ended and judges it; EVENT_EMPTY when nothing is left. */
void reaping_reap(struct machine *m);

/* Says who is stopped, or goes on. */
void reaping_look_paused(struct machine *m);

#endif
