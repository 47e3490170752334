/* ending: tells whether processes that had KILL are about to end. One that frees 100 GiB needs
 * half a minute; one that a file system or a driver holds may never end. So what counts is
 * whether anything moves. Knows nothing of the job.
 */
#ifndef KEEPER_ENDING_H
#define KEEPER_ENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper/proc.h"

struct ending {
    uint64_t mark; /* of all that is left, at the last look */
    int64_t moved; /* clock_ms */
};

void ending_begin(struct ending *ending, int64_t now);

/* Replaces *left by what is below this process and has not ended; free with procs_free. */
void ending_left(struct procs *left);

/* The same without the process spared and what is below it; spared 0: without none. */
void ending_left_but(struct procs *left, pid_t spared);

/* Has anything moved since the last look at these: has one ended, does its memory or its CPU time
 * change, or does it run? */
bool ending_look(struct ending *ending, const struct procs *left, int64_t now);

/* Has nothing moved for 8 s? Then nobody waits any longer. */
bool ending_is_vain(const struct ending *ending, int64_t now);

#endif
