/* pipes: "python3 train.py | tee log": a trainer that ends badly in front of a pipe, whose shell
 * says that all is well, or waits for who else holds the pipe. The keeper's own.
 */
#ifndef KEEPER_PIPES_H
#define KEEPER_PIPES_H

#include "keeper/machine.h"

/* pid, which shells alone of child i ran, and whose output goes through a pipe, ended with status
 * (as wait gives it; not 0). */
void pipes_ended(struct machine *m, int i, pid_t pid, int status);

/* The shell of child i runs something else since: what failed before is its own business. */
void pipes_went_on(struct machine *m, int i);

/* Child i has ended with 0: a suspect follows where what it ran in front of a pipe did not. */
void pipes_judge(struct machine *m, int i);

void pipes_tick(struct machine *m, int64_t now);
int64_t pipes_deadline(const struct machine *m);

#endif
