/* jobdir: the machine's own folder of a job, DGL_JOB_DIR: private, for sockets and error files,
 * gone at the end. In a private /dev/shm it goes with the processes; else the keeper tells its rank
 * which folder it has made, so that the rank can remove it when the keeper is killed.
 */
#ifndef KEEPER_JOBDIR_H
#define KEEPER_JOBDIR_H

#include "base/err.h"
#include "base/folder.h"

/* fd -1: none. */
struct jobdir {
    struct folder folder;
    int fd;   /* of it */
    int lock; /* of the file .job in it, which says whose it is: locked as long as we live; -1 */
};

#define JOBDIR_NONE ((struct jobdir){.fd = -1, .lock = -1})

/* Makes it in parent (NULL: $TMPDIR, else /tmp), with a name that nobody knows before. 0, or -1
 * with err (EXIT_MACHINE). */
int jobdir_make(struct jobdir *dir, const char *parent, const char *job_id, struct err *err);

/* Where they are made unless a parent is given: $TMPDIR, else /tmp. Borrowed. */
const char *jobdir_parent(void);

/* May the name be that of a job's folder? */
bool jobdir_is_name(const char *name);

/* NAME in the open folder parent (path: its path) as a folder of a job of this user's that is dead:
 * its file .job is of this start of the machine and locked by nobody. 0, and it is locked now; or
 * -1: no such folder, or it cannot be proved. */
int jobdir_find_dead(struct jobdir *dir, int parent, const char *name, const char *path);

/* Removes it with all that is in it, and closes it. What has to stay, or is left when this is
 * killed, is known for a dead job's. True: nothing is left. None is fine. */
bool jobdir_end(struct jobdir *dir);

/* The same of one that another process has made. True: nothing of it is left. */
bool jobdir_remove(const struct folder *folder);

/* Closes it; it stays. */
void jobdir_close(struct jobdir *dir);

/* Closes its descriptors alone. A forked process that has them too keeps the lock. */
void jobdir_let_go(struct jobdir *dir);

#endif
