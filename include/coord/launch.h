/* launch: who started this process, told from the environment before MPI_Init.
 */
#ifndef COORD_LAUNCH_H
#define COORD_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"

struct launch {
    const char *by;       /* "mpirun", "srun" or "": nobody, one machine without MPI */
    const char *one_each; /* how it is told to start one rank a machine, "mpirun -N 1" and its like;
                             "" */
    const char *remedy;   /* what to do when ranks and ip_config do not match, a sentence */
    bool escalates;     /* does it kill us a moment after it has told us to stop? Open MPI's does */
    bool use_mpi;       /* is there a process manager that MPI_Init can ask? */
    int rank;           /* as the environment tells; 0 when it tells nothing */
    int size;           /* ranks that were started; 1 when it tells nothing */
    int cpus;           /* that the job's processes may use here */
    const char *leaked; /* a name in the environment whose launcher has ended, as in a shell that
                           was started below it; NULL */
};

/* Looks at Open MPI's, MPICH's (PMI), PMIx's and Slurm's names in envp. */
void launch_look(struct launch *launch, char **envp);

/* The process that started this rank. A process manager may not end before its ranks do; a shell
 * that started us alone may (nohup). */
struct parent {
    int fd;     /* readable when the manager's process has gone; -1: none */
    pid_t asks; /* before Linux 5.3: its pid, which getppid() tells now and then; 0: nobody */
};
#define PARENT_NONE ((struct parent){.fd = -1})
enum { PARENT_ASK_MS = 1000 }; /* at most, between two questions */

struct parent launch_watch_parent(const struct launch *launch);

/* Is it gone? revents: as poll gives them for its fd. */
bool launch_parent_gone(const struct parent *parent, int revents);

/* This machine's name; "this machine" where it has none. */
const char *launch_host(void);

/* A rank needs descriptors before anybody can say a word for it: under 64 MPI itself ends in ways
 * that name no cause [measured]; and one for each machine, since rank 0 is connected to all. Raises
 * the soft limit as far as file_raise_limit does; -1 with err (EXIT_MACHINE) when the hard one is
 * too low, or nothing may be raised. machines: 0 where it is not known yet. */
int launch_check_files(size_t machines, struct err *err);

/* Can MPI make shared memory here? MPICH ends in MPI_Init without, and Open MPI does without
 * [measured]. 0, or -1 with err: what is wrong with /dev/shm. */
int launch_check_shm(struct err *err);

/* Before MPI_Init, which ends the process in words of its own where srun's --mpi does not fit (Open
 * MPI 4 with pmi2 or none, MPICH 5 with pmix), or lets each rank be alone (MPICH 4) [measured]. -1
 * with err (EXIT_USAGE): what fits. library: of MPI_Get_library_version, all of it. */
int launch_check_pmi(const struct launch *launch, const char *library, char **envp,
                     struct err *err);

/* Appends what the user should know of how this job was launched. */
void launch_advise(const struct launch *launch, char **envp, struct strv *notices);

/* Leaves before MPI_Init. MPICH's mpirun would wait for ever for the others, who wait in MPI_Init
 * for this rank [measured], unless it is told to abort (PMI-1); Open MPI's ends them by itself. */
_Noreturn void launch_leave_early(int code);

/* Before all ranks leave without MPI_Init. MPICH 4.0's mpirun starts its proxies one
 * after the other; where a rank leaves before the last one is connected, it dies of SIGPIPE and
 * leaves them behind (5 of 120 runs on a busy machine, with /bin/true too) [measured]. So the ranks
 * meet in a barrier of PMI-1 first, for some seconds at most. Does nothing under another mpirun. */
void launch_await_others(void);

/* Behind MPI_Init, where a rank is to leave without MPI_Finalize: takes leave of MPICH's mpirun
 * alone (PMI-1). Its proxy takes a rank for failed, with status 1, whose PMI socket closes while
 * output of it is still unread (pmip_pmi_v1.c; 8 of 90 runs) [measured]. No other call of MPI may
 * follow. */
void launch_finalize(void);

/* Before an abort: waits until MPICH's proxy has taken all output of this rank, for some seconds at
 * most. It may hear the abort first, and then leaves the output where it is (2 of 72 runs)
 * [measured]. Does nothing under another mpirun: Open MPI's, told to stop, takes none any more. */
void launch_await_output(void);

/* Has it? For rank 0, before it lets the others abort: theirs may be heard before its output is
 * read, too. */
bool launch_output_is_taken(void);

/* The same as launch_leave_early behind MPI_Init, by any thread, when no MPI can be called. */
_Noreturn void launch_abort(int code);

/* Compares with MPI's own world size. srun with the wrong --mpi, or an mpirun of another MPI than
 * this program was built with, gives N singletons of size 1 with status 0, silently [measured]: -1
 * with err (EXIT_USAGE) and the remedy. mpi_name: the library's name for the sentence. */
int launch_check(const struct launch *launch, int world_size, const char *mpi_name,
                 struct err *err);

#endif
