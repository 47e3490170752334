/* warnings: those of all machines, in the order in which they came about. */
#ifndef REPORT_WARNINGS_H
#define REPORT_WARNINGS_H

#include <stddef.h>

#include "base/buf.h"
#include "report/report.h"

enum { WARNINGS_ALL = 100 };

/* A warning and the machine's outcome that holds it; borrowed. */
struct warned {
    const struct outcome *outcome;
    const struct warning *warning;
};

/* The warnings of all machines, the oldest first; their ages refer to one moment. The caller frees
 * the array. */
struct warned *report_all_warnings(const struct report *report, size_t *n);

/* The same; of more than WARNINGS_ALL without those that only repeat, for another machine or with
 * other numbers, what KINDS_SAID before them say. *more: how many are left out. */
struct warned *report_first_warnings(const struct report *report, size_t *n, size_t *more);

/* Appends whole lines "dgl-mpilaunch: warning: HOST: ...", the oldest first, without those that
 * repeat others. At most `most` lines; the last then counts all that are missing, which are in the
 * file `rest` (NULL: nowhere). */
void report_warnings(struct buf *out, const struct report *report, size_t most, const char *rest);

/* Appends a line for each warning. */
void report_each_warning(struct buf *out, const struct report *report);

#endif
