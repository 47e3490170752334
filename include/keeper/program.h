/* program: what a process runs, as far as /proc shows. below: as proc_below gives them. */
#ifndef KEEPER_PROGRAM_H
#define KEEPER_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "keeper/proc.h"

/* Is pid a program that top runs, with nothing but shells from top to it; or top itself, and no
 * shell? */
bool program_is_proper(const struct procs *below, pid_t pid, pid_t top);

/* A Python that no other one has started? */
bool program_is_first_python(const struct procs *below, const struct proc *proc);

/* Is its standard output or error a pipe that is not its top's, and its input none? One that reads
 * from such a pipe is a filter: grep's 1 says that it has found nothing. */
bool program_is_piped(pid_t pid, pid_t top);

/* A worker of multiprocessing's "spawn"? */
bool program_is_worker(pid_t pid);

/* A helper of multiprocessing's, which ends by itself when its parent has? True also where its
 * command line cannot be read. */
bool program_is_helper(pid_t pid);

/* The most memory that it has used, KiB; 0: not known. */
long program_peak_kb(pid_t pid);

/* Is it a shell, by the file that it runs? */
bool program_is_shell(const struct proc *proc);

/* Are parent and all above it, up to top, shells? */
bool program_is_behind_shells(pid_t parent, pid_t top);

/* The trainer proper where the command of the plan runs by a shell: the oldest live process that
 * planned runs through shells alone; planned itself where it is no shell, or runs nothing. */
pid_t program_trainer_of(pid_t planned);

/* The same where the processes are known: planned is among those below. */
pid_t program_trainer_among(const struct procs *below, pid_t planned);

#endif
