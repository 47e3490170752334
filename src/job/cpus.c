/* cpus: finds out from the names and masks of this process's ancestors who set its mask, and how
 * many CPUs the job has.
 */
#include "job/cpus.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strv.h"
#include "job/cpuquota.h"

enum { ANCESTORS_MOST = 32 };

struct ancestor {
    pid_t pid, parent;
    char name[32];
};

static bool read_mask(pid_t pid, struct cpus *cpus)
{
    *cpus = (struct cpus){0};
    return sched_getaffinity(pid, sizeof(*cpus), cpus->sets) == 0;
}

static int count(const struct cpus *cpus)
{
    return CPU_COUNT_S(sizeof(*cpus), cpus->sets);
}

static bool is_equal(const struct cpus *a, const struct cpus *b)
{
    return CPU_EQUAL_S(sizeof(*a), a->sets, b->sets);
}

static bool has_all_of(const struct cpus *a, const struct cpus *b)
{
    struct cpus both;

    CPU_AND_S(sizeof(both), both.sets, a->sets, b->sets);
    return is_equal(&both, b);
}

const struct cpus *cpus_choose(enum cpus_by by, const struct cpus *own, const struct cpus *daemons,
                               const struct cpus *widest, int granted)
{
    if (by == CPUS_BY_DAEMON) /* it binds to core 0 whatever its own mask is [measured] */
        return daemons;
    if (by == CPUS_BY_SLURM && count(widest) <= granted && has_all_of(widest, own))
        return widest;
    return own;
}

/* ---- who made the mask ---- */

/* In /proc/PID/stat the name stands between the first '(' and the last ')'. */
static bool take_ancestor(struct ancestor *ancestor, const char *text)
{
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    int parent;

    if (!open || !close || sscanf(close + 1, " %*c %d", &parent) != 1)
        return false;
    ancestor->parent = parent;
    snprintf(ancestor->name, sizeof(ancestor->name), "%.*s", (int)(close - open - 1), open + 1);
    return true;
}

static bool read_ancestor(pid_t pid, struct ancestor *ancestor)
{
    char path[32], text[512];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    *ancestor = (struct ancestor){.pid = pid};
    return take_ancestor(ancestor, text);
}

/* On its own machine mpirun is the daemon; Debian calls it mpirun.openmpi. MPICH's mpirun has a
 * proxy below it, which who_made meets first. */
static bool is_open_mpis(const char *name)
{
    static const char *const names[] = {"orted", "prted", "mpirun", "mpiexec", "orterun", "prte"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(name, names[i], strlen(names[i])) && strncmp(name, "mpiexec.hydra", 13))
            return true;
    return false;
}

/* Open MPI 4 says whether it has bound the rank; version 5 does not. */
static bool is_unbound(char **envp)
{
    return strv_env_value(envp, "OMPI_MCA_orte_launch") &&
           !strv_env_value(envp, "OMPI_MCA_orte_bound_at_launch");
}

/* The daemon's child has the mask that the daemon set. If this process has another one, a taskset
 * between the two has set that. */
static enum cpus_by who_made(const struct cpus *own, struct cpus *daemons, char **envp)
{
    struct ancestor at;
    struct cpus child = *own;
    pid_t pid = getppid();

    for (int i = 0; i < ANCESTORS_MOST && pid > 1 && read_ancestor(pid, &at); i++) {
        if (is_open_mpis(at.name))
            return !is_unbound(envp) && is_equal(&child, own) && read_mask(pid, daemons)
                       ? CPUS_BY_DAEMON
                       : CPUS_BY_USER;
        if (!strcmp(at.name, "slurmstepd") && i == 0)
            return CPUS_BY_SLURM;
        if (!strcmp(at.name, "slurmstepd") || !strncmp(at.name, "hydra_", 6) ||
            !read_mask(pid, &child))
            return CPUS_BY_USER;
        pid = at.parent;
    }
    return CPUS_BY_USER;
}

/* Asks for all CPUs; the kernel grants those of the cpuset. */
static void read_widest(const struct cpus *own, struct cpus *widest)
{
    memset(widest, 0xff, sizeof(*widest));
    if (sched_setaffinity(0, sizeof(*widest), widest->sets) || !read_mask(0, widest))
        *widest = *own;
    sched_setaffinity(0, sizeof(*own), own->sets);
}

bool cpus_look(struct cpus *cpus, char **envp)
{
    struct cpus own, daemons, widest;
    const char *granted = strv_env_value(envp, "SLURM_CPUS_ON_NODE");
    enum cpus_by by;

    if (!read_mask(0, &own)) {
        *cpus = (struct cpus){0};
        return false;
    }
    daemons = widest = own;
    by = who_made(&own, &daemons, envp);
    if (by == CPUS_BY_SLURM)
        read_widest(&own, &widest);
    *cpus = *cpus_choose(by, &own, &daemons, &widest, granted ? (int)strtol(granted, NULL, 10) : 0);
    return !is_equal(cpus, &own);
}

int cpus_count(const struct cpus *cpus)
{
    int n = count(cpus), quota = cpuquota_cpus();

    n = n > 0 ? n : 1;
    return quota && quota < n ? quota : n;
}
