/* launch: who started this process, told from the environment. Calls no MPI. */
#include "coord/launch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One process manager's names. rank and size may be NULL. */
struct manager {
    const char *sign; /* the name that tells that it started us */
    const char *rank;
    const char *size;
    const char *by;
};

/* The first that matches counts: Open MPI under Slurm sets its own names and inherits srun's. */
static const struct manager managers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "mpirun"},
    {"HYDI_CONTROL_FD", "PMI_RANK", "PMI_SIZE", "mpirun"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "srun"},
    {"PMI_RANK", "PMI_RANK", "PMI_SIZE", "mpirun"},
    {"PMIX_RANK", "PMIX_RANK", NULL, "mpirun"},
};

static const char *value_of(char **envp, const char *name)
{
    size_t len = strlen(name);

    for (; *envp; envp++)
        if (!strncmp(*envp, name, len) && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

static int number_of(char **envp, const char *name, int fallback)
{
    const char *text = name ? value_of(envp, name) : NULL;
    char *end;
    long value;

    if (!text || !*text)
        return fallback;
    value = strtol(text, &end, 10);
    return *end || value < 0 || value > INT_MAX ? fallback : (int)value;
}

void launch_look(struct launch *launch, char **envp)
{
    *launch = (struct launch){.by = "", .size = 1};
    for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
        const struct manager *m = &managers[i];

        if (!value_of(envp, m->sign))
            continue;
        launch->by = m->by;
        launch->rank = number_of(envp, m->rank, 0);
        launch->size = number_of(envp, m->size, 1);
        /* a shell in a job step of one task is no reason to ask Slurm for MPI */
        launch->use_mpi = launch->size > 1 || strcmp(m->by, "srun") != 0;
        return;
    }
}

int launch_check(const struct launch *launch, int world_size, const char *mpi_name, struct err *err)
{
    if (launch->size <= world_size)
        return 0;
    if (!strcmp(launch->by, "srun"))
        return err_set(
            err, EXIT_USAGE,
            "srun started %d ranks, but MPI (%s) sees %d: srun's --mpi does not fit "
            "this MPI; use 'srun --mpi=pmix' with Open MPI, 'srun --mpi=pmi2' with MPICH",
            launch->size, mpi_name, world_size);
    return err_set(err, EXIT_USAGE,
                   "mpirun started %d ranks, but MPI (%s) sees %d: use the mpirun of the MPI that "
                   "dgl-mpilaunch was built with",
                   launch->size, mpi_name, world_size);
}

int launch_watch_parent(const struct launch *launch)
{
    pid_t parent = getppid();
    int fd = launch->use_mpi ? (int)syscall(SYS_pidfd_open, parent, 0) : -1;

    if (fd >= 0 && getppid() != parent)
        _exit(EXIT_LAUNCHER); /* it has gone in between: the job is being ended */
    return fd;
}
