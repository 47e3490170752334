/* plan_print: the plan as text, for --dry_run. */
#ifndef JOB_PLAN_PRINT_H
#define JOB_PLAN_PRINT_H

#include <stdio.h>

#include "job/job.h"

/* Prints the plan of all machines: for each process the directory, the changes of the environment
 * and the argv, one fact a line. Of the variables that rank 0 passes on it prints the names only.
 */
void plan_print(const struct job *job, FILE *out);

#endif
