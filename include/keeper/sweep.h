/* sweep: removes what dead jobs of this user have left on this machine when their rank and keeper
 * were killed at once: their folders, and the shared memory that was noted in these.
 */
#ifndef KEEPER_SWEEP_H
#define KEEPER_SWEEP_H

#include <sys/types.h>

/* Removes the folders of dead jobs in parent and what they name. A job is dead only where it can be
 * proved: its folder is ours and private, and the file in it that says whose it is was written
 * since this machine's start and is locked by nobody. Blocks as long as the file system does. */
void sweep_dead(const char *parent);

/* The same for the folder in which jobs' folders are made, by a child process, since the file
 * system may hang; nobody waits for it. Returns its pid; -1: there is none. */
pid_t sweep_begin(void);

#endif
