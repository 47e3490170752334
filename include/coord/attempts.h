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

/* Keeps of a report its numbers, its cause, its phases, and the outcome of the cause's machine.
 * Takes over its outcomes, array and contents. */
void attempts_keep(struct attempts *attempts, const struct report *report);

void attempts_free(struct attempts *attempts);

#endif
