/* warnings: those of all machines, in the order in which they came about. */
#ifndef REPORT_WARNINGS_H
#define REPORT_WARNINGS_H

#include <stddef.h>

#include "base/buf.h"
#include "report/report.h"

/* A warning and the machine's outcome that holds it; borrowed. */
struct warned {
    const struct outcome *outcome;
    const struct warning *warning;
};

/* The warnings of all machines, the oldest first; their ages refer to one moment. The caller frees
 * the array. */
struct warned *report_all_warnings(const struct report *report, size_t *n);

/* Appends whole lines "dgl-mpilaunch: warning: HOST: ...", the oldest first. At most `most` lines;
 * the last then counts the others, which are in the file `rest`. */
void report_warnings(struct buf *out, const struct report *report, size_t most, const char *rest);

#endif
