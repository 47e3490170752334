/* plan_print: the plan as text, for --dry_run. */
#ifndef JOB_PLAN_PRINT_H
#define JOB_PLAN_PRINT_H

#include <stdio.h>

#include "job/job.h"

/* The plan of all machines as text (--dry_run): for each machine and process the directory, the
 * environment changes and the argv, one fact a line, stable for golden tests. Values of rank 0's
 * passed environment are shown by name only. */
void plan_print(const struct job *job, FILE *out);

#endif
