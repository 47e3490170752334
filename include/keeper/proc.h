/* proc: the processes below one, found in /proc, and signalled without hitting a stranger. */
#ifndef KEEPER_PROC_H
#define KEEPER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* start tells a process from a later one with the same pid (clock ticks since boot). */
struct proc {
    pid_t pid, parent;
    unsigned long long start;
    char name[16]; /* as the kernel cuts it */
    char state;    /* of its first thread: R, S, D, Z, ... */
    int threads;
    unsigned long long cpu;    /* clock ticks of all its threads */
    unsigned long long waited; /* of the processes below it that have been waited for */
    long resident;             /* pages */
    bool dying; /* a signal ends it: it dumps core, or is on its way from there to a zombie */
    bool zombie;
    int status; /* a zombie's, as wait gives it; 0 where it may not be seen (after setuid) */
    bool below; /* the root of the search, found while searching */
};

struct procs {
    struct proc *items;
    size_t n, capacity;
};

/* Replaces *found by all processes below root, root not included, zombies included. Free with
 * procs_free. What is born while it looks may be missed; look again. */
void proc_below(pid_t root, struct procs *found);

/* The same without the n processes in spared and what is below them. */
void proc_below_except(pid_t root, const pid_t *spared, size_t n, struct procs *found);

void procs_free(struct procs *procs);

/* Processes that are not below us. Reading them all is what a look costs on a machine with
 * thousands of processes, most of them the kernel's. */
struct strangers {
    pid_t *pids; /* sorted */
    size_t n, capacity;
};

/* As proc_below, but does not read the strangers that it knows, and knows the others afterwards. A
 * stranger whose number one of ours gets is missed until they are forgotten. */
void proc_below_again(pid_t root, struct procs *found, struct strangers *strangers);
void strangers_forget(struct strangers *strangers);

/* One process as it is now; 0, or -1 when there is none. */
int proc_read(pid_t pid, struct proc *proc);

/* Does that process live, and is no zombie? start 0: whichever has that pid. */
bool proc_lives(pid_t pid, unsigned long long start);

/* Has all of it ended? A process whose first thread is a zombie may have others that still free its
 * memory; until they are done it cannot be reaped. */
bool proc_has_ended(const struct proc *proc);

/* R where one of its threads runs or could run, else D where one is in an uninterruptible sleep,
 * else the first thread's state; '?' when it has gone. Reads nothing that could block. */
char proc_state(pid_t pid);

/* How often its first thread has slept or lost its CPU; 0 when it has gone. It grows with each wait
 * for a disk or a server that ends, however little CPU time is used between. */
unsigned long long proc_switches(pid_t pid);

/* Has it a child that was started after `since` (as start)? False where the kernel does not list
 * children (CONFIG_PROC_CHILDREN). */
bool proc_has_child_since(pid_t pid, unsigned long long since);

/* The process with that pid, or NULL; procs as proc_below gives them. */
struct proc *procs_find(const struct procs *procs, pid_t pid);

/* Sends signal to that very process, by its pidfd; never to a pid <= 1. 0, or -1 when it is gone.
 */
int proc_signal(const struct proc *proc, int signal);

/* The same, and it leaves no core when it dies. */
int proc_end(const struct proc *proc, int signal);

/* Sends signal, then CONT so that a stopped process hears it, to everything below this process but
 * the n processes in spared and what is below them; returns how many live. */
int proc_sweep(int signal, const pid_t *spared, size_t n);

/* The same to the process itself and everything below it. */
void proc_sweep_tree(pid_t pid, int signal);

/* How many live below this process, without the spared ones and what is below them. */
int proc_count(const pid_t *spared, size_t n);

/* KILLs everything below this process: first stops what it finds until nothing new shows, so that
 * a fork bomb cannot outrun it. Returns how many there were. */
int proc_kill_all(void);

/* The same without one process; 0: without none. */
int proc_kill_all_but(pid_t spared);

/* Reaps one child without waiting: its pid, 0 when none has ended, -1 when there is no child. */
pid_t proc_reap(int *status, struct rusage *usage);

/* A child that was stopped by *signal, or continues (then *signal is 0), once each time: its pid,
 * 0 when there is none. */
pid_t proc_paused(int *signal);

#endif
