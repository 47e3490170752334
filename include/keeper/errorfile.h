/* errorfile: what torch has written about a process's end. */
#ifndef KEEPER_ERRORFILE_H
#define KEEPER_ERRORFILE_H

#include <stdint.h>

/* The exception in the file that torch's @record writes (torch/distributed/elastic/multiprocessing/
 * errors/error_handler.py): {"message": {"message": "ValueError: x", ...}} or {"message": "x"}, on
 * one line of at most 1000 bytes. since: wall time (seconds) before which it is another run's.
 * NULL: there is none, or none that can be read. The caller frees. */
char *errorfile_read(const char *path, int64_t since);

#endif
