/* launch: who started this process, told from the environment. Calls no MPI. */
#include "coord/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/strv.h"
#include "job/cpus.h"
#include "keeper/doing.h"

#define SHM          "/dev/shm"
#define OPEN_MPI_ONE "mpirun -N 1"
#define MPICH_ONE    "mpirun -ppn 1"
#define SRUN_ONE     "srun --ntasks-per-node=1"
#define FLUX_ONE     "flux run --tasks-per-node=1"

enum { FILES_MIN = 64, SHM_MIN = 1 << 20, HYDRA_MS = 3000, TAKEN_MS = 1000 };

static bool is_open(char **envp, const char *name);
static bool is_there(char **envp, const char *name);
static bool is_process(char **envp, const char *name);

/* One process manager's names. rank, size and proof may be NULL. */
struct manager {
    const char *sign; /* the name that tells that it started us */
    const char *rank;
    const char *size;
    const char *by;
    const char *one_each;
    const char *remedy;
    const char *proof; /* whose value shows whether it still runs */
    bool (*runs)(char **envp, const char *proof);
};

static const char open_mpi_remedy[] = "start one rank on each machine of ip_config: give mpirun "
                                      "'-N 1', and a -hostfile with the same "
                                      "machines";
static const char mpich_remedy[] =
    "start one rank on each machine of ip_config: give mpirun '-ppn 1', and by -f a file with the "
    "same machines ('dgl-mpilaunch --print_hostfile mpich' makes it)";
static const char srun_remedy[] =
    "start one rank on each machine of ip_config: '" SRUN_ONE "' on exactly these machines";
static const char flux_remedy[] =
    "start one rank on each machine of ip_config: '" FLUX_ONE "' on exactly these machines";
static const char nobodys_remedy[] =
    "start it by mpirun or srun, one rank on each machine; without them ip_config can hold this "
    "machine alone";

/* The first that matches counts: Open MPI under Slurm sets its own names and inherits srun's, and
 * so does Flux that srun has started. */
static const struct manager managers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "mpirun", OPEN_MPI_ONE,
     open_mpi_remedy, "PMIX_SERVER_TMPDIR", is_there},
    {"HYDI_CONTROL_FD", "PMI_RANK", "PMI_SIZE", "mpirun", MPICH_ONE, mpich_remedy, "PMI_FD",
     is_open},
    {"FLUX_TASK_RANK", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", "flux run", FLUX_ONE, flux_remedy, NULL,
     NULL},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "srun", SRUN_ONE, srun_remedy,
     "SLURM_TASK_PID", is_process},
    {"PMI_RANK", "PMI_RANK", "PMI_SIZE", "mpirun", MPICH_ONE, mpich_remedy, "PMI_FD", is_open},
    {"PMIX_RANK", "PMIX_RANK", NULL, "mpirun", OPEN_MPI_ONE, open_mpi_remedy, NULL, NULL},
};

static int number_of(char **envp, const char *name, int fallback)
{
    const char *text = name ? strv_env_value(envp, name) : NULL;
    char *end;
    long value;

    if (!text || !*text)
        return fallback;
    value = strtol(text, &end, 10);
    return *end || value < 0 || value > INT_MAX ? fallback : (int)value;
}

/* Each is true where nothing tells the contrary. */

static bool is_open(char **envp, const char *name)
{
    int fd = number_of(envp, name, -1);

    return fd < 0 || fcntl(fd, F_GETFD) >= 0;
}

static bool is_there(char **envp, const char *name)
{
    const char *path = strv_env_value(envp, name);

    return !path || access(path, F_OK) == 0;
}

/* A container may have pids of its own. */
static bool is_process(char **envp, const char *name)
{
    static const char first[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO */
    char own[sizeof(first)] = "";
    ssize_t len = readlink("/proc/self/ns/pid", own, sizeof(own) - 1);
    int pid = number_of(envp, name, 0);

    return pid <= 1 || len < 0 || strcmp(own, first) != 0 || !kill(pid, 0) || errno != ESRCH;
}

void launch_look(struct launch *launch, char **envp)
{
    struct cpus cpus;

    cpus_look(&cpus, envp);
    *launch = (struct launch){
        .by = "", .one_each = "", .remedy = nobodys_remedy, .size = 1, .cpus = cpus_count(&cpus)};
    for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
        const struct manager *m = &managers[i];

        if (!strv_env_value(envp, m->sign))
            continue;
        if (m->runs && !m->runs(envp, m->proof)) {
            launch->leaked = m->sign;
            continue;
        }
        launch->by = m->by;
        launch->one_each = m->one_each;
        launch->remedy = m->remedy;
        launch->escalates = !strcmp(m->one_each, OPEN_MPI_ONE);
        launch->rank = number_of(envp, m->rank, 0);
        launch->size = number_of(envp, m->size, 1);
        /* in a shell of a one-task job step nobody has started MPI */
        launch->use_mpi = launch->size > 1 || strcmp(m->by, "srun") != 0;
        return;
    }
}

const char *launch_host(void)
{
    static char host[65];

    return gethostname(host, sizeof(host)) ? "this machine" : host;
}

int launch_check_files(size_t machines, struct err *err)
{
    unsigned long wanted = FILES_MIN + machines;
    struct rlimit limit;

    if (file_raise_limit() >= wanted || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_max < wanted)
        return err_set(
            err, EXIT_MACHINE,
            "%s: the hard limit of open files is %lu, and %lu are needed at least; raise "
            "it ('ulimit -Hn', /etc/security/limits.conf)",
            launch_host(), (unsigned long)limit.rlim_max, wanted);
    limit.rlim_cur = wanted;
    if (!setrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    return err_set(err, EXIT_MACHINE,
                   "%s: the limit of open files cannot be raised to %lu: %s; raise it ('ulimit -Sn "
                   "%lu') before mpirun",
                   launch_host(), wanted, strerror(errno), wanted);
}

int launch_check_shm(struct err *err)
{
    struct statvfs at;
    const char *what = NULL;

    if (statvfs(SHM, &at) < 0)
        what = "cannot be reached: is it mounted";
    else if ((at.f_flag & ST_RDONLY) || access(SHM, W_OK) < 0)
        what = "cannot be written in: is it mounted read-only, or its mode not 1777";
    else if ((uint64_t)at.f_bavail * at.f_frsize < SHM_MIN)
        what = "is full: may something be removed, or is it too small";
    if (!what)
        return 0;
    return err_set(err, EXIT_MACHINE, "%s: " SHM " %s? MPI and DGL need it (see 'df -h " SHM "')",
                   launch_host(), what);
}

/* -1: no mpirun of MPICH's kind started us. Slurm's pmi2 speaks another language; where its names
 * stand beside mpirun's, mpirun runs in a job step. */
static int hydras_fd(void)
{
    bool is_hydras = getenv("HYDI_CONTROL_FD") || !getenv("SLURM_STEP_NUM_TASKS");
    int fd = is_hydras ? number_of(environ, "PMI_FD", -1) : -1;

    return fd > STDERR_FILENO ? fd : -1;
}

/* The process manager answers, or ends us first. */
static void await_hydra(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    char answer[256];

    if (poll(&entry, 1, HYDRA_MS) > 0 && read(fd, answer, sizeof(answer)) < 0)
        return;
}

bool launch_output_is_taken(void)
{
    return hydras_fd() < 0 || (file_is_taken(STDOUT_FILENO) && file_is_taken(STDERR_FILENO));
}

void launch_await_output(void)
{
    if (hydras_fd() < 0)
        return;
    file_await_reader(STDOUT_FILENO, TAKEN_MS);
    file_await_reader(STDERR_FILENO, TAKEN_MS);
}

_Noreturn void launch_abort(int code)
{
    int fd = hydras_fd();

    doing_rank_leaves();
    launch_await_output();
    if (fd >= 0 && dprintf(fd, "cmd=abort exitcode=%d\n", code) > 0)
        await_hydra(fd);
    _exit(code);
}

static const char pmi_init[] = "cmd=init pmi_version=1 pmi_subversion=1\n";

_Noreturn void launch_leave_early(int code)
{
    int fd = hydras_fd();

    if (fd >= 0 && dprintf(fd, "%s", pmi_init) > 0)
        await_hydra(fd);
    launch_abort(code);
}

static const char pmi_finalize[] = "cmd=finalize\n";

void launch_await_others(void)
{
    const char *const words[] = {pmi_init, "cmd=barrier_in\n", pmi_finalize};
    int fd = hydras_fd();

    for (size_t i = 0; fd >= 0 && i < sizeof(words) / sizeof(words[0]); i++) {
        if (dprintf(fd, "%s", words[i]) < 0)
            return;
        await_hydra(fd);
    }
}

void launch_finalize(void)
{
    int fd = hydras_fd();

    if (fd >= 0 && dprintf(fd, "%s", pmi_finalize) > 0)
        await_hydra(fd);
}

static const char *fitting_pmi(bool open_mpi)
{
    return open_mpi ? "pmix" : "pmi2";
}

/* Slurm's own, that of an MPICH built for PMIx, Intel's choice of a library, and Cray's. */
static bool has_pmi(const char *library, bool open_mpi, char **envp)
{
    if (strv_env_value(envp, "PMIX_RANK") && (open_mpi || strstr(library, "pmix")))
        return true;
    return !open_mpi &&
           (strv_env_value(envp, "PMI_FD") || strv_env_value(envp, "PMI_CONTROL_PORT") ||
            strv_env_value(envp, "I_MPI_PMI_LIBRARY"));
}

int launch_check_pmi(const struct launch *launch, const char *library, char **envp, struct err *err)
{
    bool open_mpi = strstr(library, "Open MPI");

    if (strcmp(launch->by, "srun") != 0 || has_pmi(library, open_mpi, envp))
        return 0;
    return err_set(err, EXIT_USAGE,
                   "srun has not told this process what %s asks for at its start: use 'srun "
                   "--mpi=%s' ('srun --mpi=list' shows what this Slurm has)",
                   open_mpi ? "Open MPI" : "MPICH", fitting_pmi(open_mpi));
}

static const char one_cpu[] =
    "srun gives the processes of each machine one CPU: 'srun --cpus-per-task=N' gives them more";
static const char two_signals[] =
    "srun: Ctrl-C stops the job when it is pressed twice within a second";

void launch_advise(const struct launch *launch, char **envp, struct strv *notices)
{
    const char *kind = strv_env_value(envp, "ENVIRONMENT"); /* Slurm's, in a batch job */

    if (launch->leaked)
        strv_addf(notices,
                  "%s is in the environment, but what has set it has ended: pay no attention to "
                  "it; 'unset %s' ends this notice",
                  launch->leaked, launch->leaked);
    if (strcmp(launch->by, "srun") != 0)
        return;
    if (launch->cpus == 1 && sysconf(_SC_NPROCESSORS_ONLN) > 1)
        strv_add(notices, one_cpu);
    if (!kind || strcmp(kind, "BATCH") != 0)
        strv_add(notices, two_signals);
}

int launch_check(const struct launch *launch, int world_size, const char *mpi_name, struct err *err)
{
    if (launch->size <= world_size)
        return 0;
    if (!strcmp(launch->by, "srun"))
        return err_set(err, EXIT_USAGE,
                       "srun started %d ranks, but MPI (%s) sees %d: srun's --mpi does not fit "
                       "this MPI; use 'srun --mpi=%s'",
                       launch->size, mpi_name, world_size,
                       fitting_pmi(strstr(mpi_name, "Open MPI")));
    return err_set(err, EXIT_USAGE,
                   "mpirun started %d ranks, but MPI (%s) sees %d: use the mpirun of the MPI that "
                   "dgl-mpilaunch was built with",
                   launch->size, mpi_name, world_size);
}

struct parent launch_watch_parent(const struct launch *launch)
{
    struct parent parent = PARENT_NONE;
    pid_t pid = getppid();

    if (!launch->use_mpi)
        return parent;
    parent.fd = kernel_pidfd_open(pid);
    if (parent.fd < 0 && errno == ENOSYS)
        parent.asks = pid;
    if (getppid() != pid)
        _exit(EXIT_LAUNCHER); /* the parent has gone: the job is being ended */
    return parent;
}

bool launch_parent_gone(const struct parent *parent, int revents)
{
    return (parent->fd >= 0 && revents) || (parent->asks && getppid() != parent->asks);
}
