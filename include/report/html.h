/* html: the report for people, as one page. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "base/buf.h"
#include "report/report.h"

/* Appends report.html: the facts of report.json. */
void report_html(struct buf *out, const struct report *report);

#endif
