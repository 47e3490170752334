/* cpus: which CPUs the job's processes may use on this machine: those that this process was started
 * with, unless MPI's daemon has bound it to fewer by itself.
 */
#ifndef JOB_CPUS_H
#define JOB_CPUS_H

#include <sched.h>
#include <stdbool.h>

enum { CPUS_MAX = 8192 }; /* the kernel's own limit */

struct cpus {
    cpu_set_t sets[CPUS_MAX / CPU_SETSIZE];
};

/* Who set this process's mask, as far as that can be seen. */
enum cpus_by {
    CPUS_BY_USER,   /* taskset, numactl, mpirun --bind-to none, a shell, MPICH (binds when told) */
    CPUS_BY_DAEMON, /* Open MPI's, which binds a rank to one core by itself */
    CPUS_BY_SLURM   /* slurmstepd: one CPU a task, where --cpus-per-task does not say more */
};

/* The mask for the job's processes. Pure. daemons: the mask of Open MPI's daemon. widest: what the
 * cpuset allows. granted: how many CPUs Slurm has given the job on this machine; 0: not known. */
const struct cpus *cpus_choose(enum cpus_by by, const struct cpus *own, const struct cpus *daemons,
                               const struct cpus *widest, int granted);

/* Chooses the mask for the job's processes. Call it before MPI_Init, which may change this
 * process's mask. True: theirs differs from this process's. */
bool cpus_look(struct cpus *cpus, char **envp);

/* How many CPUs these are; at most what the cgroup's quota allows, and at least 1. */
int cpus_count(const struct cpus *cpus);

#endif
