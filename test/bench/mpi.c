/* bench_mpi: what scripts/bench compares the launcher with under mpirun: a program that only joins
 * MPI.
 *
 *   barrier   MPI_Init, one barrier, and the end: MPI_Finalize under Open MPI; elsewhere _exit,
 *             since MPICH 4.0's Finalize may hang (doc/decisions/0002-leaving-mpi.md)
 *   sleep     MPI_Init, prints "ready", and sleeps until it is killed
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mpi.h>

enum { USAGE = 2 };

static int leave(void)
{
#ifdef OPEN_MPI
    return MPI_Finalize();
#else
    _exit(0);
#endif
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return USAGE;
    MPI_Init(&argc, &argv);
    if (strcmp(argv[1], "barrier") == 0) {
        MPI_Barrier(MPI_COMM_WORLD);
        return leave();
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
