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
    int lock; /* its file .job, which says whose it is: locked while this process lives; -1: none */
};

#define JOBDIR_NONE ((struct jobdir){.fd = -1, .lock = -1})

/* Makes the folder in parent (NULL: jobdir_parent), with a name that nobody can know before. 0,
 * or -1 with err (EXIT_MACHINE). */
int jobdir_make(struct jobdir *dir, const char *parent, const char *job_id, struct err *err);

/* The folder in which job folders are made: $TMPDIR, else /tmp. Borrowed. */
const char *jobdir_parent(void);

/* May the name be that of a job's folder? */
bool jobdir_is_name(const char *name);

/* Opens NAME in the open folder parent (path: its path) if it is the folder of a dead job of this
 * user's: its file .job was written since this start of the machine and nobody has it locked. 0:
 * opened, and locked by us. -1: it is none, or that cannot be proved. */
int jobdir_find_dead(struct jobdir *dir, int parent, const char *name, const char *path);

/* Removes the folder with all that is in it, and closes it. True: nothing is left. What stays,
 * also when this process is killed, can still be recognised as a dead job's. Does nothing where
 * there is none. */
bool jobdir_end(struct jobdir *dir);

/* The same for a folder that another process has made. */
bool jobdir_remove(const struct folder *folder);

/* Closes it, and leaves it where it is. */
void jobdir_close(struct jobdir *dir);

/* Closes its descriptors alone. A forked process that has them too keeps the lock. */
void jobdir_let_go(struct jobdir *dir);

#endif
