/* clearing: forks a process that removes what an attempt leaves in memory and in the job's
 * folder. The kernel needs 0.15 to 0.5 s a GiB for it, and a file system may never answer. The
 * keeper's own.
 */
#ifndef KEEPER_CLEARING_H
#define KEEPER_CLEARING_H

#include "keeper/state.h"

/* Call at the entry of OVER, when no process is left. Sets m->clearing to the pid; to 0 where
 * fork failed and this process has removed it itself. */
void clearing_begin(struct machine *m);

/* Call when pid has been reaped. True: it was that process; then what it could not remove has
 * become a warning. */
bool clearing_reaped(struct machine *m, pid_t pid, int status);

/* Call each second while it runs. Stops waiting for a process that has given no sign of life for
 * exit_timeout, and for 8 s at least. */
void clearing_look(struct machine *m);

#endif
