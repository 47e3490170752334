/* logs: the keeper's log files, which the scribe writes. Nothing here waits: what the scribe cannot
 * take in time is left out in whole lines, counted, and the log says how many are missing.
 */
#ifndef KEEPER_LOGS_H
#define KEEPER_LOGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keeper/ring.h"

/* How long a file system may write nothing while more waits than fits, before lines are left out.
 * One that is only slow holds up whoever prints. */
enum {
    LOGS_PATIENCE_MS = 1000,
    LOGS_PIECE = 65536 /* bytes given to logs_write at once, at most */
};

struct logs {
    int fd;            /* the keeper's socket to the scribe; -1: it is gone */
    struct ring *ring; /* NULL: there is none */
    int files;
    uint64_t taken; /* as it was */
    int64_t moved;  /* when the scribe last took something or had nothing to take; clock_ms */
};

/* One file. */
struct logs_file {
    char *path;
    int number; /* -1: nothing is written to it any more */
    int error;  /* then: errno; 0: the scribe is gone */
    bool mid_line, dropping;
    uint64_t missing, missing_here; /* lines; here: not told in the log yet */
};

/* fd: a socket to the scribe, taken over; -1: there is none. */
void logs_begin(struct logs *logs, int fd, struct ring *ring);

/* To be polled for POLLIN. Then logs_next: 1 with the number of a file that has failed and its
 * errno; 0: nothing more; -1: the scribe has died, told once. */
int logs_next(struct logs *logs, int *number, int *error);

/* For how long, ms, the scribe has done nothing although there was something to do. */
int64_t logs_still_for(struct logs *logs, int64_t now);

/* Bytes that were handed over and are not written yet. The scribe will tell when there are none. */
size_t logs_under_way(struct logs *logs);

/* path is copied. limit as in logfile.h. Whether it can be opened is told by logs_next. */
void logs_open(struct logs *logs, struct logs_file *file, const char *path, int64_t limit);

/* False: there is no room now and the file system works, so that it is better not to read more. */
bool logs_may_write(struct logs *logs, const struct logs_file *file);

/* Never waits: what does not fit is left out. */
void logs_write(struct logs *logs, struct logs_file *file, const char *data, size_t len);

/* Says in the log what is missing at its end. */
void logs_end(struct logs *logs, struct logs_file *file);
void logs_close(struct logs *logs, struct logs_file *file);

#endif
