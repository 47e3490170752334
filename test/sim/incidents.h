/* incidents: makes happen what the schedule says goes wrong, each once. */
#ifndef SIM_INCIDENTS_H
#define SIM_INCIDENTS_H

#include "schedule.h"
#include "world.h"

/* Sets the times of those that count from the job's start. */
void incidents_begin(void);

/* The machine enters that stage. */
void incidents_stage(struct node *node, enum anchor stage);

/* Do trainers end when they get the pre-emption signal? */
bool incidents_ends_by_preemption(void);

#endif
