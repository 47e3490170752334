/* summary: the closing lines of every job; after a failure the cause block follows them. */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

#include "base/buf.h"
#include "report/report.h"

/* Appends what ran, for how long, the warnings and where the report is (run_dir may be NULL). If
 * launcher_log, a file that has all warnings, is not NULL, only the first five are appended. */
void report_summary(struct buf *out, const struct report *report, const char *run_dir,
                    const char *launcher_log);

#endif
