/* scribe: a process of its own beside the keeper, forked before MPI_Init, which alone writes log
 * files and, on rank 0's machine, the report: it may hang as long as its file system does, and
 * nobody waits for it. The keeper hands it the logs by a ring in shared memory (logs.h), the rank
 * whole texts, and in the place of a keeper that is gone the folder that it has left.
 *
 * It ends when rank and keeper are gone and what they had handed over is written; where that does
 * not come nearer for SCRIBE_LINGER_S, by SIGKILL.
 */
#ifndef KEEPER_SCRIBE_H
#define KEEPER_SCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/folder.h"
#include "keeper/ring.h"

enum { SCRIBE_LINGER_S = 30 };

/* What the rank knows of it. */
struct scribe {
    pid_t pid;         /* a child of the rank's */
    int fd;            /* the rank's socket to it; -1: it is gone */
    int keeper_fd;     /* the keeper's, until keeper_fork; then -1 */
    struct ring *ring; /* the keeper's */
    int under_way;     /* texts that were handed over and are not answered yet */
    bool removes;      /* a folder was, and is not answered yet */
    int64_t moved;     /* when it last answered, or was handed something while it had nothing to do;
                          clock_ms */
};

/* Forks it. Call with one thread, before keeper_fork. It gets a session of its own, and of what is
 * open here it keeps nothing. 0, or -1 with err (EXIT_LAUNCHER). */
int scribe_fork(struct scribe *scribe, struct err *err);

enum scribe_how {
    SCRIBE_REPLACE, /* a temporary file and a rename */
    SCRIBE_APPEND,
    SCRIBE_REMOVE, /* by scribe_hand_folder alone */
    SCRIBE_SEE_OFF /* by scribe_hand_mpirun alone */
};

/* Hands over a text that is to be written to path, an absolute one. Never blocks. 0, or -1 with err
 * when it cannot be handed over: it will not be answered. */
int scribe_hand(struct scribe *scribe, enum scribe_how how, const char *path, const void *text,
                size_t len, struct err *err);

/* Hands over a job's folder (jobdir) whose keeper and processes are gone: it is removed with the
 * shared memory that is noted in it, by a process below the scribe, so that texts need not wait.
 * Once in the scribe's life. Never blocks. 0, or -1 with err. */
int scribe_hand_folder(struct scribe *scribe, const struct folder *folder, struct err *err);

/* Where Open MPI's mpirun itself has started this rank: hands it over, so that it ends although a
 * machine is lost (mpirun.h). When rank and keeper are gone the scribe stays until it has ended.
 * daemons: on how many other machines it has one. True: handed over. Not answered. Never blocks. */
bool scribe_hand_mpirun(struct scribe *scribe, int daemons);

/* The answer to the oldest text that is under way, or to the folder: 1 with how and why (why->text
 * empty: done), 0: not there yet, or nothing is under way; -1: the scribe has died, told once.
 * Never blocks. */
int scribe_answer(struct scribe *scribe, enum scribe_how *how, struct err *why);

/* Lets go of it: it leaves when what it was handed is done. The keeper must be gone. */
void scribe_let_go(struct scribe *scribe);

/* Has it left since? Reaps it then. Drops what it answers; does not block. */
bool scribe_has_left(struct scribe *scribe);

/* Both: waits up to timeout_ms for its end; then it is left to itself. */
void scribe_leave(struct scribe *scribe, int timeout_ms);

/* ---- between the scribe and the keeper's logs.c ---- */

enum scribe_frame { FRAME_OPEN /* limit, then the path */, FRAME_DATA, FRAME_CLOSE };

/* A message to the keeper. */
struct scribe_news {
    int file;  /* -1: there is room in the ring, as it wanted */
    int error; /* errno with which the file has failed; nothing more is written to it */
};

#endif
