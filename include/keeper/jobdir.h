/* jobdir: the machine's own folder of a job, DGL_JOB_DIR: private, for sockets and error files,
 * gone at the end. Its path follows from the slice, so that the rank can remove it when the keeper
 * is killed; in a private /dev/shm it goes with the processes.
 */
#ifndef KEEPER_JOBDIR_H
#define KEEPER_JOBDIR_H

#include "base/err.h"
#include "job/plan.h"

/* $TMPDIR (else /tmp) /dgl-mpilaunch-JOB_ID-MACHINE. The caller frees. */
char *jobdir_path(const struct slice *slice);

/* The same in another folder than $TMPDIR. */
char *jobdir_path_in(const char *folder, const struct slice *slice);

/* Makes it with mode 0700; one that is there already is not ours. 0, or -1 with err (EXIT_MACHINE).
 */
int jobdir_make(const char *path, struct err *err);

/* Removes it with all that is in it; follows no link, leaves no file system. A missing one is fine.
 */
void jobdir_remove(const char *path);

#endif
