/* root_end: the end of an attempt at rank 0: its cause, what is said, and whether another follows.
 */
#ifndef COORD_ROOT_END_H
#define COORD_ROOT_END_H

#include "coord/root.h"

/* Writes a report.json that says "complete": false, for the case that nobody is left to do so. */

/* Returns the first failure, all ages brought to this moment: of an outcome, or known, which is
 * what rank 0 knows itself (NULL: nothing). Borrowed; NULL: there was none. */
const struct cause *root_first_cause(struct root *root, const struct cause *known);

/* Warns of the machines that have not sent their outcome, but for the one that cause says is lost;
 * of none where that is rank 0's own. */
void root_say_silent(struct root *root, const struct cause *cause);

/* Chooses the cause, hands the reports to the scribe, and takes no outcome any more. known (may be
 * NULL) is in no outcome, and must live as long as this attempt. instead: that a spare machine
 * takes the place of the lost one, in words, or NULL; taken over. */
void root_conclude(struct root *root, const struct cause *known, bool may_restart, char *instead);

/* Queues the closing lines on the console. Returns the job's exit code. *restart: another attempt
 * is to follow; only where root_conclude was told that one may. */
int root_say_end(struct root *root, bool *restart);

/* Writes the report again: after a good end the job was told to stop after all. */
void root_amend(struct root *root, const struct cause *cause);

/* Keeps this attempt for the report and begins the next one. Returns after how many milliseconds it
 * is to start. */
int64_t root_next_attempt(struct root *root);

#endif
