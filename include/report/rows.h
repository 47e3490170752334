/* rows: which processes report.html shows. Of a large job that is a part, since nobody reads a
 * hundred thousand rows, and no browser likes them. Private to html and timeline.
 */
#ifndef REPORT_ROWS_H
#define REPORT_ROWS_H

#include <stddef.h>

#include "report/report.h"

enum { ROWS_MOST = 1000 /* of processes; and of machines without any */ };

/* Borrowed. process NULL: a machine without processes. */
struct row {
    const struct outcome *outcome;
    const struct process_outcome *process;
};

/* In the report's order; a machine's rows stand together. */
struct rows {
    struct row *items;
    size_t n;
    int processes, machines;         /* that have a row */
    int all_processes, all_machines; /* of the report */
};

/* All processes if they are ROWS_MOST at most. Otherwise the cause's, half of the rows for those
 * that ended badly by themselves, a quarter for the last to be ready and the last to end, and the
 * first of all in the rest. The caller frees by rows_free. */
void rows_choose(struct rows *rows, const struct report *report);
void rows_free(struct rows *rows);

/* Did it end badly, and by itself? */
bool rows_is_failed(const struct process_outcome *process);

#endif
