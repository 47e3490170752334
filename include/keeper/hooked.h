/* hooked: hears from the hook in the trainers' Python that it is loaded, and that its program
 * ends badly; finds the trainers that run without it. The keeper's own.
 */
#ifndef KEEPER_HOOKED_H
#define KEEPER_HOOKED_H

#include "keeper/state.h"

/* Call before the trainers start: opens the FIFO in the hook's folder. */
void hooked_open(struct machine *m);

/* Closes the FIFO. */
void hooked_close(struct machine *m);

/* What a Python below a trainer has told. */
struct told {
    bool loaded; /* true: it has the hook, and begins; false: it ends with code */
    int child;   /* the trainer */
    int pid, parent, code;
    unsigned long long ticks; /* of its start, or of the beginning of its end; as in struct proc */
    unsigned long long pipes[2]; /* inodes of the pipes that it prints into; 0: no pipe */
};

/* For pipes_hear: hooked_next gives what was told until hooked_begin, line by line; false: that
 * was all. */
void hooked_begin(struct machine *m);
bool hooked_next(struct machine *m, struct told *told);

/* Does another Python of child i run that has the hook, one that pid has not started? */
bool hooked_another_runs(const struct machine *m, int i, pid_t pid);

/* Has another one run, whether or not it runs still? */
bool hooked_another_ran(const struct machine *m, int i, pid_t pid);

/* Call when a Python of child i has run for some seconds: tells the user when it has no hook.
 * Call after pipes_hear. */
void hooked_look(struct machine *m, int i, pid_t pid);

/* Looks at the trainers without the hook. One whose last words are a traceback and DGL's farewell
 * has raised, and waits in DGL's barrier at exit, to which nobody comes. */
void hooked_tick(struct machine *m, int64_t now);

#endif
