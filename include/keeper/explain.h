/* explain: says in words what a signal that killed a process often means, from what this machine
 * shows at that moment.
 */
#ifndef KEEPER_EXPLAIN_H
#define KEEPER_EXPLAIN_H

#include <stdint.h>
#include <sys/types.h>

#include "keeper/oom.h"

/* SIGKILL: out of memory or not; SIGBUS: the state of shm (a folder, /dev/shm). peak_kb 0: not
 * known. NULL where there is nothing to say. The caller frees. */
char *explain_signal(int signal, pid_t pid, int64_t peak_kb, struct oom *oom, const char *shm);

#endif
