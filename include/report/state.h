/* state: what all processes of a job that runs do, as lines for a person. */
#ifndef REPORT_STATE_H
#define REPORT_STATE_H

#include <limits.h>

#include "base/buf.h"
#include "report/report.h"

enum {
    STATE_OLD_MS = 5000, /* an older answer is one to an earlier question */
    STATE_SHOWN = 32,    /* processes, on the console */
    STATE_ALL = INT_MAX  /* in a file */
};

/* Appends: where the job is; the processes by what they do, those that do the same in one line
 * ("trainers 0-6: asleep in futex"), so that the odd one out stands alone; machines that have not
 * answered; then each machine and, of all machines together, `most` processes. */
void report_state(struct buf *out, const struct report *report, int most);

#endif
