/* usage: samples what the machine's processes use, each --sample_interval; says once, before the
 * kernel kills, that memory or /dev/shm is nearly full.
 */
#ifndef KEEPER_USAGE_H
#define KEEPER_USAGE_H

#include "keeper/state.h"

/* Servers are about to be started. */
void usage_begin(struct machine *m);

/* TIMER_SAMPLE: takes a sample. */
void usage_take(struct machine *m);

/* Clock ticks of CPU in so many milliseconds, as thousandths of a core; 0 where no time has passed.
 */
int64_t usage_permille(unsigned long long ticks, int64_t passed_ms);

#endif
