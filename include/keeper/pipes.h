/* pipes: "python3 train.py | tee log": a trainer that ends badly in front of a pipe, whose shell
 * says that all is well, or waits for who else holds the pipe. The keeper's own.
 */
#ifndef KEEPER_PIPES_H
#define KEEPER_PIPES_H

#include "keeper/state.h"
#include "keeper/watch.h"

/* A program that shells alone of child i ran, and whose output goes through a pipe, has ended, and
 * not with 0. Its own word of that may have come before. */
void pipes_ended(struct machine *m, int i, const struct watch_death *death);

/* What the trainers' Python has told (m->hooked.fd is readable). */
void pipes_hear(struct machine *m);

/* Child i has ended with 0: a suspect follows where what it ran in front of a pipe did not.
 * After deaths_pump: they were before the shell's. */
void pipes_judge(struct machine *m, int i);

void pipes_tick(struct machine *m, int64_t now);
int64_t pipes_deadline(const struct machine *m);

#endif
