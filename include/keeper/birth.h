/* birth: how the rank forks the keeper and the scribe, and what these drop of what is the rank's.
 */
#ifndef KEEPER_BIRTH_H
#define KEEPER_BIRTH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Forks: the new process calls born, which does not return, in a session of its own, under that
 * name. All signals are blocked in it, so that no handler of the rank's runs there. Its pid, or -1
 * with errno. */
pid_t birth_fork(const char *name, void (*born)(void *arg), void *arg);

/* For the new process: these descriptors become 3, 4, ... and are closed on exec; 0 and 1 are
 * /dev/null, and so is 2 where it is closed or `silent`. Nothing else stays open: a copy of PMI_FD
 * or of a PMIx socket would hide the rank's death from its MPI. The working directory is "/". 0, or
 * -1. */
enum { BIRTH_FIRST_FD = 3 };
int birth_keep(const int *fds, int n, bool silent);

/* For the new process: drops the rank's handlers, ignores the n signals in ignored, and blocks
 * those in blocked and no others. */
void birth_take_signals(const int *ignored, size_t n, const sigset_t *blocked);

#endif
