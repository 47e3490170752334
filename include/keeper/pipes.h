/* pipes: "python3 train.py | tee log": a trainer that ends badly in front of a pipe, whose shell
 * says that all is well, or waits for who else holds the pipe. The keeper's own.
 */
#ifndef KEEPER_PIPES_H
#define KEEPER_PIPES_H

#include "keeper/state.h"

/* pid, which shells alone of child i ran, the last of them parent, and whose output goes through a
 * pipe, ended with status (as wait gives it; not 0). */
void pipes_ended(struct machine *m, int i, pid_t pid, pid_t parent, int status);

/* What the trainers' Python has told (m->hooked.fd is readable). */
void pipes_hear(struct machine *m);

/* Child i has ended with 0: a suspect follows where what it ran in front of a pipe did not.
 * After deaths_pump: they were before the shell's. */
void pipes_judge(struct machine *m, int i);

void pipes_tick(struct machine *m, int64_t now);
int64_t pipes_deadline(const struct machine *m);

#endif
