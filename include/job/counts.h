/* counts: how many of a kind the job has, as DGL and torch count them. */
#ifndef JOB_COUNTS_H
#define JOB_COUNTS_H

#include "job/job.h"

/* Trainers of all machines: torch's WORLD_SIZE. */
int counts_world_size(const struct job *job);

/* All trainers and all their samplers, also those that trainers start: DGL_NUM_CLIENT. */
int counts_clients(const struct job *job);

/* Samplers that each machine's keeper starts; 0 when trainers start their own. */
int counts_forked_samplers(const struct job *job);

#endif
