/* watch: the descendants of this process: who they are, and how each has died. A death wakes at
 * once, by a pidfd; a birth is seen at the next look through /proc, since the kernel tells births
 * to root alone. Knows nothing of the job.
 */
#ifndef KEEPER_WATCH_H
#define KEEPER_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper/proc.h"

enum {
    WATCH_MOST = 4096, /* descendants that are watched at once; more are not */
    WATCH_UNKNOWN = -1 /* a status that nobody could tell */
};

struct watch;

/* A descendant that has died. parent is the one that it had when it was first seen. */
struct watch_death {
    pid_t pid;
    unsigned long long start;
    char name[16];
    int status; /* as wait gives it, or WATCH_UNKNOWN */
    pid_t parent;
    unsigned long long parent_start;
    pid_t top;    /* the child of this process that it descended from; itself for an orphan */
    bool proper;  /* the program that the top runs, through shells alone, or the top itself */
    bool piped;   /* such a program, that prints into another pipe than its top */
    bool worker;  /* of multiprocessing's "spawn" */
    bool sampler; /* such a worker, and one of DGL's own as far as can be seen; see watch_pools */
    long peak_kb; /* of a worker: the most that was seen; 0: not known */
};

/* NULL where the kernel gives no epoll descriptor. */
struct watch *watch_open(void);
void watch_close(struct watch *watch); /* NULL is fine */

/* Each trainer has a pool of so many samplers, made before it does anything else (dist_context.py
 * initialize), which connect to the servers: n ports from port on at ip (dotted). A worker that was
 * seen with such a connection is one. One that was not is one while its parent's pool is not
 * complete, if the parent is a program or was itself seen with such a connection, that is, runs
 * behind a wrapper (timeout, torchrun). Any later worker is the script's own. */
void watch_pools(struct watch *watch, const char *ip, int port, int n, int samplers);

/* Readable when one has died. */
int watch_fd(const struct watch *watch);

/* Looks for new ones. slowest: the next look is not later than so many milliseconds, unless looks
 * would then take more than 0.5 % of a core. The first ones are 50 ms apart, then ever more. All
 * processes of the machine are read each 10 s at most, and for 0.2 % of a core at most; else those
 * alone that were not there before. */
void watch_look(struct watch *watch, int64_t now, int slowest);

/* Does what is due: such a look (then true comes back), or, every 50 ms for 2 s, a reading of those
 * alone that are new: until a new process execs it shows its parent's command line, and once it has
 * died it shows none. */
bool watch_tick(struct watch *watch, int64_t now, int slowest);
int64_t watch_next_look(const struct watch *watch); /* when watch_tick has something to do */

/* The next death, or false. Each is told once. */
bool watch_next_death(struct watch *watch, struct watch_death *death);

/* Makes the next look come at once, and those after it as often as at first. */
void watch_look_soon(struct watch *watch);

/* Has one of the shells started a process after `since` (as start in struct proc), or become
 * another program itself, by exec? */
bool watch_went_on(const struct watch *watch, const pid_t *shells, size_t n,
                   unsigned long long since);

/* Calls found for each Python that has run for so long, ms, and that no other Python has started.
 */
void watch_each_python(const struct watch *watch, int64_t now, int64_t age_ms,
                       void (*found)(void *arg, pid_t top, pid_t pid), void *arg);

/* Call when this process itself has reaped pid. */
void watch_reaped(struct watch *watch, pid_t pid, int status);

#endif
