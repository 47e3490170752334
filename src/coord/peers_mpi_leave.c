/* peers_mpi_leave: how a rank ends, so that each MPI's mpirun returns its code, and soon. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "coord/peers_mpi.h"

enum {
    LEAVE_MS = 10000,      /* for Finalize, or until rank 0's MPI_Abort ends another rank */
    ABORT_MS = 50,         /* for MPI_Abort, which by then has told all that can be reached */
    OTHERS_FIRST_MS = 300, /* Slurm: until those that are told to leave have left */
    FOLLOW_MS = 80         /* Open MPI: until rank 0's MPI_Abort ends another rank */
};

static const struct mpi *of(const struct peers *p)
{
    return (const struct mpi *)p;
}

static volatile sig_atomic_t leave_code;

static void leave_late(int signal)
{
    (void)signal;
    _exit(leave_code);
}

/* Ends this rank with code after so many milliseconds, whatever call it is in. */
static void be_gone_within(int ms, int code)
{
    struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000L}};

    leave_code = code;
    signal(SIGALRM, leave_late);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Slurm pays no attention to the code of MPICH's MPI_Abort: it kills the step, and srun returns 137
 * where that ends a rank [measured]. srun returns the greatest code of all ranks. */
static bool is_slurms_mpich(const struct peers *p)
{
    return of(p)->kind == KIND_MPICH && of(p)->by_srun;
}

/* MPICH says "Abort(0) on node 0" on stderr even after a good end. All of ours has been said. */
static void let_go_of_stderr(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null >= 0)
        dup2(null, STDERR_FILENO);
}

static _Noreturn void abort_all(int code)
{
    be_gone_within(ABORT_MS, code); /* a machine that is cut off waits in it for ever */
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

_Noreturn void peers_mpi_abort(struct peers *p, int code)
{
    if (is_slurms_mpich(p)) {
        let_go_of_stderr();
        nanosleep(&(struct timespec){.tv_nsec = OTHERS_FIRST_MS * 1000000L}, NULL);
    }
    launch_await_output();
    abort_all(code);
}

/* srun waits for ever for the code of a rank whose slurmstepd has died, unless one aborts; for that
 * of a machine that is gone until Slurm takes it for down (SlurmdTimeout). */
static _Noreturn void leave_slurms_mpich(int code, enum parting parting)
{
    if (parting != PARTING_ORPHANS)
        _exit(code);
    let_go_of_stderr();
    abort_all(code);
}

/* Rank 0 aborts, the others wait for their end. */
static _Noreturn void leave_by_one_abort(struct peers *p, int world_rank, int code)
{
    if (of(p)->kind == KIND_MPICH)
        let_go_of_stderr();
    if (world_rank == 0)
        peers_mpi_abort(p, code);
    be_gone_within(of(p)->kind == KIND_MPICH ? LEAVE_MS : FOLLOW_MS, code);
    for (;;)
        pause();
}

/* After a signal from outside MPICH's mpirun returns the code if all ranks abort with it
 * [measured]. Open MPI's was seen to hang after several aborts at once (2 of 11 runs with
 * odls_base_sigkill_timeout 0; 0 of 10 when rank 0 alone does). */
static _Noreturn void leave_after_signal(struct peers *p, int world_rank, int code)
{
    if (of(p)->kind == KIND_MPICH)
        peers_mpi_abort(p, code);
    leave_by_one_abort(p, world_rank, code);
}

/* Open MPI must be finalized (its mpirun takes a rank that left without it for a failure), and its
 * mpirun returns sooner when rank 0 alone carries a code out: 2.4-3.1 s instead of 3.8-4.6 s with
 * version 4.1. MPICH 4.0.2's Finalize hangs after collectives on three machines or more, so that
 * its ranks leave without it, each with the code, since its mpirun combines them. But where it runs
 * several ranks on a machine, the first that leaves so has the others killed (255 or 9 in 12 of 12
 * runs, 5 ranks on each of 4 machines), and MPI_Abort gives the code, 0 included (12 of 12).
 * [measured]
 */
_Noreturn void peers_mpi_leave(struct peers *p, int code, enum parting parting)
{
    int world_rank = 0;

    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    if (is_slurms_mpich(p))
        leave_slurms_mpich(code, parting);
    if (of(p)->regrouped && of(p)->by_srun && parting == PARTING_DONE)
        _exit(world_rank ? 0 : code); /* MPI_Finalize would wait for the lost rank */
    if (parting != PARTING_DONE && code)
        leave_after_signal(p, world_rank, code);
    if (of(p)->kind == KIND_MPICH && (of(p)->several || of(p)->regrouped))
        leave_by_one_abort(p, world_rank, code);
    if (of(p)->kind == KIND_MPICH) {
        launch_finalize();
        _exit(code);
    }
    be_gone_within(LEAVE_MS, world_rank ? 0 : code);
    MPI_Finalize();
    exit(world_rank ? 0 : code);
}
