/* report_files: rank 0's report and launcher log, which the scribe writes: a file system that hangs
 * holds up no job and changes no exit code.
 */
#ifndef COORD_REPORT_FILES_H
#define COORD_REPORT_FILES_H

#include "coord/root.h"
#include "report/report.h"

/* Hands report.json and report.html to the scribe. */
void root_write_report(struct root *root, const struct report *report);

/* The same with report.json alone, and state.txt, unless the scribe has still to write. */
void root_write_state(struct root *root, const struct report *report);

/* Returns the path of the launcher's log in the run folder, or NULL. The caller frees. */
char *root_launcher_log(const struct root *root);

/* Hands over the launcher's own ip_config, where it has made one: for the user, into the run
 * folder. */
void root_write_list(struct root *root);

/* Hands over what is to be appended to that log: all warnings, and the cause. */
void root_write_last_words(struct root *root, const struct report *report);

/* The scribe has answered (why->text empty: written), or is gone (why NULL): a report that is not
 * written is a warning. */
void root_scribe_answers(struct root *root, const struct err *why, enum scribe_how how);

/* Is all written? Also true, with a warning, when the scribe has not got on for some seconds. */
bool root_files_settled(struct root *root, int64_t now);

#endif
