/* attempts: how the attempts of the job before this one ended, for the report. Rank 0's.
 */
#ifndef COORD_ATTEMPTS_H
#define COORD_ATTEMPTS_H

#include "report/report.h"

enum { ATTEMPTS_KEPT = 100 /* the newest */ };

/* All zero is empty. */
struct attempts {
    struct report *items;
    int n;
};

/* Keeps a report: takes over its outcomes, array and contents; copies its cause and phases. */
void attempts_keep(struct attempts *attempts, const struct report *report);

void attempts_free(struct attempts *attempts);

#endif
