/* state: what all processes of a job that runs do, as lines for a person. */
#ifndef REPORT_STATE_H
#define REPORT_STATE_H

#include <limits.h>

#include "base/buf.h"
#include "report/report.h"

enum {
    STATE_SHOWN = 32,   /* processes, on the console */
    STATE_ALL = INT_MAX /* in a file */
};

/* Appends: where the job is; the processes by what they do, those that do the same in one line
 * ("trainers 0-6: asleep in futex"), so that the odd one out stands alone; machines that have not
 * answered; then each machine and, of all machines together, `most` processes. */
void report_state(struct buf *out, const struct report *report, int most);

/* Who is the odd one out, as far as it can be told: a process that is stopped, or with such a one
 * below it; one of a machine that did not answer; the only one of its role, trainers first, that
 * does what no other does, or that has not ended. Appends a sentence without an end ("trainer 1 on
 * vm1 (pid 4711) is stopped by a signal") and returns it, with its machine in *where; NULL: none
 * (then a sentence that says so was appended, or that a machine did not answer). */
const struct process_outcome *report_odd_one(struct buf *out, const struct report *report,
                                             const struct outcome **where);

#endif
