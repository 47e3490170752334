/* cause: which of several failures was the first. */
#ifndef REPORT_CAUSE_H
#define REPORT_CAUSE_H

#include "wire/outcome.h"

/* The first failure among n causes whose age_ms all refer to one moment: the oldest; within 50 ms
 * of the oldest, death by signal before a failure of the launcher itself, that before an exit code
 * and its like, and a lost machine, a signal from outside or a parent that is gone after all these;
 * of the same kind a server before a trainer, then the older, then the lower machine and id. NULL
 * entries are skipped; NULL when none is left. */
const struct cause *report_first_cause(const struct cause *const *causes, int n);

#endif
