/* warnings: those of all machines, in the order in which they came about. */
#ifndef REPORT_WARNINGS_H
#define REPORT_WARNINGS_H

#include <stddef.h>

#include "base/buf.h"
#include "report/report.h"

/* A warning and whose it is; borrowed. */
struct warned {
    const struct outcome *outcome;
    const struct warning *warning;
};

/* Those of all machines, the oldest first. The caller frees the array. */
struct warned *report_all_warnings(const struct report *report, size_t *n);

/* Whole lines, "dgl-mpilaunch: warning: HOST: ...", the oldest first; the ages of all machines'
 * refer to one moment. At most `most` lines; the last then counts the others, which are in the file
 * `rest`. */
void report_warnings(struct buf *out, const struct report *report, size_t most, const char *rest);

#endif
