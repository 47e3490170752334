/* keeper: forks, supervises and ends the processes of one machine. Knows no MPI; talks to its
 * coordinator by messages on a socketpair. Forked before MPI_Init, so that no thread and no
 * registered memory of MPI's is ever copied.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"
#include "keeper/ending.h"
#include "keeper/scribe.h"

struct keeper {
    pid_t pid;
    int fd; /* our end of the socketpair: stream, close-on-exec, non-blocking; at its end the keeper
               has died */
};

/* Forks the keeper. Call with one thread, before MPI_Init. It gets a session of its own, is a child
 * subreaper, and closes everything but its end of the socketpair, the scribe's (whose copy is
 * closed here) and stderr. This process becomes a subreaper too. environ is the base of the
 * children's environment. The children get the signal mask and dispositions that this process has
 * now. escalates: who started this process kills it a moment after it has told it to stop, so that
 * its death does not mean that somebody has lost patience. 0, or -1 with err (EXIT_LAUNCHER). */
int keeper_fork(struct keeper *keeper, struct scribe *scribe, bool escalates, struct err *err);

/* After a keeper's death: KILLs whatever descendants have come to this process and reaps what has
 * ended; never signals a process that is no descendant. Call it again every few milliseconds while
 * it says CLEANING; does not block. progress: from ending_begin. spared: the scribe's pid, which is
 * no process of the job; 0: there is none. */
enum cleaning {
    CLEANING,      /* some still end */
    CLEANING_DONE, /* none is left */
    CLEANING_VAIN  /* some do not die: they are named in left, if that is not NULL */
};
enum cleaning keeper_clean_step(struct ending *progress, pid_t spared, struct strv *left);

#endif
