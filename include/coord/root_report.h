/* root_report: what rank 0 knows, as a report; and the report of a job that runs.
 */
#ifndef COORD_ROOT_REPORT_H
#define COORD_ROOT_REPORT_H

#include <stdbool.h>

#include "coord/root.h"
#include "report/report.h"

/* Where this rank's doorbell is, and its key for questions: for the report, for who wants to ask.
 * port 0: nowhere.
 */
void root_may_be_asked(struct root *root, const char *ip, int port, uint64_t key);

/* Writes the report of a job that has begun. */
void root_begin_report(struct root *root);

/* ---- what the processes do now (asking.h) ---- */

/* A new question: nobody has answered it. */
void root_forget_told(struct root *root);

/* The answer of rank `from`. Takes the contents over, until its outcome comes. True: all have
 * answered. */
bool root_state(struct root *root, int from, struct outcome *outcome);

/* All have answered, or had long enough. Writes report.json and state.txt, where there is a run
 * folder and the scribe has written what it had; shows: says it on the console too. */
void root_tell_state(struct root *root, bool shows);

/* The report of the job that runs. The caller frees the array outcomes, not what is in it. */
struct report root_live_report(struct root *root);

/* ---- for root_end ---- */

/* Makes outcomes of the machines that have sent none. */
void root_fill_missing(struct root *root);

/* The caller frees the array outcomes, not what is in it. */
struct report root_make_report(struct root *root, const struct cause *cause, bool complete);

#endif
