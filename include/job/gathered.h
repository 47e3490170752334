/* gathered: a job whose machines rank 0 learns in the opening (--ip_config auto). */
#ifndef JOB_GATHERED_H
#define JOB_GATHERED_H

#include "base/err.h"
#include "job/job.h"
#include "job/networks.h"

/* Puts the machines into the order that --machines wants, and cuts those off that are to stay idle.
 * 0, or -1 with err (EXIT_USAGE): the list is wrong, or there are more or fewer machines than
 * parts.
 */
int gathered_order(struct job *job, struct machines *machines, struct err *err);

/* Chooses the network, and gives the job its machines, with a notice. 0, or -1 with err
 * (EXIT_USAGE). */
int gathered_take(struct job *job, const struct networks *networks, const struct verdict *verdicts,
                  struct err *err);

/* For --dry_run, which meets nobody: as many machines as parts, "{machine 0}" and so on, with
 * notices. */
int gathered_pretend(struct job *job, struct err *err);

#endif
