/* explain: what a signal that killed a process often means, looked up at once on this machine, as
 * words; and what a process has written about its own end.
 */
#ifndef KEEPER_EXPLAIN_H
#define KEEPER_EXPLAIN_H

#include <stdint.h>
#include <sys/types.h>

#include "keeper/oom.h"

/* SIGKILL: out of memory or not; SIGBUS: the state of shm (a folder, /dev/shm). peak_kb 0: not
 * known. NULL where there is nothing to say. The caller frees. */
char *explain_signal(int signal, pid_t pid, int64_t peak_kb, struct oom *oom, const char *shm);

/* The exception in the file that torch's @record writes (torch/distributed/elastic/multiprocessing/
 * errors/error_handler.py): {"message": {"message": "ValueError: x", ...}} or {"message": "x"}, on
 * one line of at most 1000 bytes. since: wall time (seconds) before which it is another run's.
 * NULL: there is none, or none that can be read. The caller frees. */
char *explain_error_file(const char *path, int64_t since);

#endif
