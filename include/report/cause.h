/* cause: which of several failures was the first. */
#ifndef REPORT_CAUSE_H
#define REPORT_CAUSE_H

#include "wire/outcome.h"

/* Failures that are no further apart are of one moment: an age is only as exact as a message is
 * fast. */
enum { REPORT_MOMENT_MS = 50 };

/* How likely a failure of this kind and role has brought about others of the same moment: 0 or
 * more, the larger the likelier. */
int report_weight(enum how how, enum role role);

/* The first failure among n causes whose age_ms all refer to one moment: the oldest; within 50 ms
 * of the oldest, death by signal before a failure of the launcher itself, that before an exit code
 * and its like, and a lost machine, a signal from outside or a parent that is gone after all these;
 * of the same kind a server before a trainer, then the older, then the lower machine and id. NULL
 * entries are skipped; NULL when none is left. */
const struct cause *report_first_cause(const struct cause *const *causes, int n);

#endif
