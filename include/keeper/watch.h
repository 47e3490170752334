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

#define WATCH_MOST    4096 /* descendants that are watched at once; more are not */
#define WATCH_UNKNOWN (-1) /* a status that nobody could tell */

struct watch;

/* One that has died. The parent is the one that it had when it was first seen. */
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
    bool sampler; /* a worker of multiprocessing's "spawn", and its parent is such a program */
    long peak_kb; /* of a sampler: the most that was seen; 0: not known */
};

/* NULL where the kernel gives no epoll descriptor. */
struct watch *watch_open(void);
void watch_close(struct watch *watch); /* NULL is fine */

/* Readable when one has died. */
int watch_fd(const struct watch *watch);

/* Looks for new ones. slowest: the next look is not later than so many milliseconds, unless looks
 * would then take more than 0.5 % of a core. The first ones are 50 ms apart, then ever more. */
void watch_look(struct watch *watch, int64_t now, int slowest);
int64_t watch_next_look(const struct watch *watch);

/* The next death, or false. Each is told once. */
bool watch_next_death(struct watch *watch, struct watch_death *death);

/* The next look is at once, and the ones after it are as frequent as at first. */
void watch_look_soon(struct watch *watch);

/* When the newest program began (struct proc's start) that top, a shell, has run by shells alone;
 * 0: none is known. */
unsigned long long watch_newest_program(const struct watch *watch, pid_t top);

/* Calls found for each Python that has run for so long, ms, and that no other Python has started.
 */
void watch_each_python(const struct watch *watch, int64_t now, int64_t age_ms,
                       void (*found)(void *arg, pid_t top, pid_t pid), void *arg);

/* Are parent and all above it, up to top, shells? */
bool watch_is_behind_shells(pid_t parent, pid_t top);

/* This process itself has just reaped pid. */
void watch_reaped(struct watch *watch, pid_t pid, int status);

/* The trainer proper where the command of the plan runs by a shell: the oldest live process that
 * planned runs through shells alone; planned itself where it is no shell, or runs nothing. */
pid_t watch_trainer_of(pid_t planned);

#endif
