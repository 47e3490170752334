/* hooked: what the hook in the trainers' Python tells: that it is there, and that its program ends
 * badly; and which trainers run without it. The keeper's own.
 */
#ifndef KEEPER_HOOKED_H
#define KEEPER_HOOKED_H

#include "keeper/state.h"

/* Before the trainers start: listens in the hook's folder. */
void hooked_open(struct machine *m);

/* Listens no more. */
void hooked_close(struct machine *m);

/* What a Python below a trainer has told. */
struct told {
    bool loaded; /* it has the hook, and begins; else it ends with code */
    int child;   /* the trainer */
    int pid, parent, code;
    unsigned long long ticks;    /* when it was started, or has begun to end; as in struct proc */
    unsigned long long pipes[2]; /* the numbers of its output's and error's; 0: no pipe */
};

/* For pipes_hear: what has been told until hooked_begin, one by one; false: that was all. */
void hooked_begin(struct machine *m);
bool hooked_next(struct machine *m, struct told *told);

/* Does a Python of child i run that has the hook: not pid, and not what pid has started? */
bool hooked_another_runs(const struct machine *m, int i, pid_t pid);

/* A Python of child i has run for some seconds: the user is told when it is without the hook. After
 * pipes_hear. */
void hooked_look(struct machine *m, int i, pid_t pid);

/* Trainers without it: one whose last words are a traceback and DGL's farewell has raised, and
 * waits in DGL's barrier at exit, where nobody comes. */
void hooked_tick(struct machine *m, int64_t now);

#endif
