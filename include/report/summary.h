/* summary: the closing lines of a job that ended well. */
#ifndef REPORT_SUMMARY_H
#define REPORT_SUMMARY_H

#include "base/buf.h"
#include "report/report.h"

/* The closing lines: what ran, how long, warnings, where the report is (run_dir may be NULL). The
 * first five warnings, where launcher_log has all of them; all, where it is NULL. */
void report_summary(struct buf *out, const struct report *report, const char *run_dir,
                    const char *launcher_log);

#endif
