/* runs: see the header. A rank's life is src/main.c's main, under another name. */
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "incidents.h"

int rank_main(int argc, char **argv);
_Noreturn void __real__exit(int code);
pid_t __real_waitpid(pid_t pid, int *status, int flags);

enum { HORIZON_S = 600, CPU_MOST_S = 600 };

static char *seconds(int ms)
{
    return mem_printf("%d.%03d", ms / 1000, ms % 1000);
}

static char *number(int n)
{
    return mem_printf("%d", n);
}

static void live(struct node *node)
{
    const struct schedule *s = world.schedule;
    /* the same with and without a trace: what is said is part of the course */
    char *argv[] = {"dgl-mpilaunch",
                    "--num_servers",
                    "0",
                    "--workspace",
                    "/tmp",
                    "--ip_config",
                    "ip_config.txt",
                    "--run_dir",
                    "/tmp/none",
                    "--preempt_signal",
                    "USR2",
                    "--num_trainers",
                    number(s->trainers),
                    "--lost_timeout",
                    seconds(s->lost_ms),
                    "--kill_grace",
                    seconds(s->grace_ms),
                    "--max_restarts",
                    number(s->restarts),
                    "--",
                    "train",
                    NULL};

    (void)node;
    rank_main((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv);
}

static double cpu_s(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static _Noreturn void run_here(const struct schedule *schedule, bool traces, bool measures,
                               struct result *result)
{
    static char *nothing[] = {NULL};
    struct rlimit limit = {CPU_MOST_S, CPU_MOST_S};
    struct rusage used;

    environ = nothing;
    setrlimit(RLIMIT_CPU, &limit);
    judge_open(result);
    world.measures = measures;
    world_begin(schedule, traces, live);
    incidents_begin();
    world_run((int64_t)HORIZON_S * 1000000);
    judge_end();
    getrusage(RUSAGE_SELF, &used);
    result->memory_kb = used.ru_maxrss;
    result->cpu_s = cpu_s();
    fflush(stdout);
    __real__exit(0);
}

bool runs_one(const struct schedule *schedule, bool traces, bool measures, struct result *result)
{
    static struct result *shared;
    int status = 0;
    pid_t pid;

    if (!shared)
        shared =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    memset(shared, 0, sizeof(*shared));
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_here(schedule, traces, measures, shared);
    if (pid < 0 || __real_waitpid(pid, &status, 0) != pid)
        abort();
    *result = *shared;
    if (!result->violation[0] && (!result->is_done || status))
        snprintf(result->violation, sizeof(result->violation),
                 "the process has ended with status 0x%x (an assertion, or a crash)",
                 (unsigned)status);
    return !result->violation[0];
}

void runs_shrink(struct schedule *schedule)
{
    struct schedule smaller;
    struct result result;
    int number = 0;

    while (schedule_shrink(schedule, number, &smaller)) {
        if (memcmp(&smaller, schedule, sizeof(smaller)) != 0 &&
            !runs_one(&smaller, false, false, &result)) {
            *schedule = smaller;
            number = 0;
        } else {
            number++;
        }
    }
}
