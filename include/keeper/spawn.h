/* spawn: one process of the plan, from its birth to exec. */
#ifndef KEEPER_SPAWN_H
#define KEEPER_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"
#include "job/cpus.h"
#include "job/plan.h"

/* What a process gets that the plan does not say: how the launcher itself was started. */
struct spawn_origin {
    sigset_t mask;    /* blocked at start */
    sigset_t ignored; /* SIG_IGN at start */
    struct cpus cpus; /* what a child may use, if rebind: another mask than this process's */
    bool rebind;
    char **environment; /* borrowed strings; from spawn_begin on without MPI's own names */
    bool escalates;     /* as keeper_fork was told */
    pid_t pid;          /* who starts the processes */
    sigset_t changed;   /* whose disposition is another one there than at start */
};

/* Remembers this process's signal mask, ignored signals, CPUs and environ. */
void spawn_remember(struct spawn_origin *origin);

/* Call in the process that will start others, once its signals are as they stay: what is the same
 * for all of them is made once. Allocates the array of the environment, for ever. */
void spawn_begin(struct spawn_origin *origin);

/* What the plan leaves open until start. */
struct spawn_late {
    int master_port;         /* for DGL_MASTER_PORT_LATER; 0 before the trainers */
    const char *job_dir;     /* for DGL_JOB_DIR_LATER */
    const char *python_hook; /* folder in front of PYTHONPATH but for servers; NULL: none */
};

struct spawned {
    pid_t pid;
    int output; /* read end of its stdout and stderr, non-blocking, close-on-exec; the caller's */
    int error;  /* errno of a failure */
};

/* Starts the process and waits until it has exec'd (milliseconds); meanwhile this process does not
 * even take a SIGSTOP. It gets a process group of its
 * own and dies with this process (PR_SET_PDEATHSIG). 0, or -1 with err: EXIT_NOT_FOUND,
 * EXIT_CANNOT_EXEC, EXIT_MACHINE (workspace) or EXIT_LAUNCHER.
 */
int spawn_process(const struct slice *slice, const struct process_plan *plan,
                  const struct spawn_origin *origin, const struct spawn_late *late,
                  struct spawned *spawned, struct err *err);

/* -1 with err: why nothing could be forked, and where to look. whom: " the keeper", or "". */
int spawn_fork_failed(const char *whom, int error, struct err *err);

/* The file that the command's first word means on this machine, in the PATH that the processes get;
 * NULL when there is none, or the word is not a plain one (a shell's syntax). The caller frees. */
char *spawn_program(const struct slice *slice);

/* The environment that the process would get, appended to env. */
void spawn_environment(const struct slice *slice, const struct process_plan *plan,
                       const struct spawn_origin *origin, const struct spawn_late *late,
                       struct strv *env);

#endif
