/* scenarios: schedules with names, each with what must come of it. */
#ifndef SIM_SCENARIOS_H
#define SIM_SCENARIOS_H

/* How many failed; each is told. */
int scenarios_run(void);

#endif
