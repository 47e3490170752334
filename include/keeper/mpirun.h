/* mpirun: Open MPI's, which waits for its daemon on a machine that is lost: nothing closes the
 * connection to it before TCP gives up, after a quarter of an hour.
 */
#ifndef KEEPER_MPIRUN_H
#define KEEPER_MPIRUN_H

#include <stdint.h>
#include <sys/types.h>

/* Open MPI's mpirun where it has itself started this process, told by its name. 0: another one has,
 * or it runs on another machine. */
pid_t mpirun_find(void);

/* When the job has been aborted: waits for the end of mpirun, for wait_ms at most, and shuts
 * those of its connections on which nothing is acknowledged any more. So it takes the daemons there
 * for lost, and returns the job's code. Version 5 returns 0 when it loses all of its daemons on
 * other machines: so it gets SIGKILL then, and so does one that stays for as long again, or whose
 * sockets may not be reached (Yama's ptrace_scope, Linux before 5.6). One that has no such
 * connection gets it too, since version 4.1 was seen to wait for ever on a busy machine; but not
 * where it is stopped, or nobody takes what it prints: then it is let be. [measured] pidfd: of it.
 * daemons: on how many other machines it has one. */
enum { MPIRUN_WAIT_MS = 20000 };
void mpirun_see_off(int pidfd, pid_t pid, int daemons, int64_t wait_ms);

#endif
