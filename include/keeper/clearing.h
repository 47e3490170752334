/* clearing: what an attempt leaves in memory and in the job's folder is removed by a process of its
 * own, since the kernel needs 0.15 to 0.5 s a GiB for it, and a file system may never answer. The
 * keeper's own.
 */
#ifndef KEEPER_CLEARING_H
#define KEEPER_CLEARING_H

#include "keeper/state.h"

/* At the entry of OVER, when no process is left. Then m->clearing is its pid; 0: it was done here.
 */
void clearing_begin(struct machine *m);

/* pid has been reaped, with that status: true when it was that process. What it could not remove is
 * a warning. */
bool clearing_reaped(struct machine *m, pid_t pid, int status);

/* Each second while it runs: one that has given no sign of life for exit_timeout, and for 8 s at
 * least, is not waited for any more. */
void clearing_look(struct machine *m);

#endif
