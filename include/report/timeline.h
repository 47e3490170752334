/* timeline: when each process ran, as an inline SVG. Private to html. */
#ifndef REPORT_TIMELINE_H
#define REPORT_TIMELINE_H

#include "base/buf.h"
#include "report/report.h"
#include "report/rows.h"

/* Appends an <svg> element with these rows of the report; the page around it defines the classes of
 * its colours. */
void timeline_svg(struct buf *out, const struct report *report, const struct rows *rows);

#endif
