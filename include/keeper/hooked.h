/* hooked: what the hook in the trainers' Python tells: that it is there, and that its program ends
 * badly; and which trainers run without it. The keeper's own.
 */
#ifndef KEEPER_HOOKED_H
#define KEEPER_HOOKED_H

#include "keeper/machine.h"

/* Before the trainers start: listens in the hook's folder. */
void hooked_open(struct machine *m);
void hooked_close(struct machine *m);

/* Readable when something was told, then pump; -1: there is nothing to listen to. */
int hooked_fd(const struct machine *m);
void hooked_pump(struct machine *m);

/* Does a Python of child i run that has the hook: not pid, and not what pid has started? */
bool hooked_another_runs(const struct machine *m, int i, pid_t pid);

/* A Python of child i has run for some seconds: the user is told when it is without the hook. */
void hooked_look(struct machine *m, int i, pid_t pid);

/* Trainers without it: one whose last words are a traceback and DGL's farewell has raised, and
 * waits in DGL's barrier at exit, where nobody comes. */
void hooked_tick(struct machine *m, int64_t now);

#endif
