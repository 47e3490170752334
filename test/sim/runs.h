/* runs: one schedule in a process of its own, so that an assertion that fails, a crash and a loop
 * end that process alone; and the smallest schedule that still fails.
 */
#ifndef SIM_RUNS_H
#define SIM_RUNS_H

#include "judge.h"
#include "schedule.h"

/* *result: what came of it. False: a rule is broken, which result->violation tells. */
bool runs_one(const struct schedule *schedule, bool traces, bool measures, struct result *result);

/* Makes a schedule that fails smaller as long as it still fails. */
void runs_shrink(struct schedule *schedule);

#endif
