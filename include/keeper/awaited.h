/* awaited: whom this machine still waits for, told to rank 0 whenever that changes: servers that do
 * not listen yet, trainers that have not ended, and which of these print nothing.
 */
#ifndef KEEPER_AWAITED_H
#define KEEPER_AWAITED_H

#include <stdint.h>

#include "keeper/state.h"

enum {
    AWAITED_SILENT_MS = 30000
}; /* a trainer that prints nothing for so long is told as silent */

/* Returns whom the machine waits for at this moment. */
struct waiting awaited_now(const struct machine *m, int64_t now);

/* Tells rank 0 when this differs from what it was told last. Sets m->timers[TIMER_SILENCE]. */
void awaited_tick(struct machine *m, int64_t now);

#endif
