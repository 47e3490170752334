/* timeline: when each process ran, as an inline SVG. Private to html. */
#ifndef REPORT_TIMELINE_H
#define REPORT_TIMELINE_H

#include "base/buf.h"
#include "report/report.h"
#include "report/rows.h"

/* Where the plot begins and ends, in the units of the drawing; the words stand before it. */
enum { TIMELINE_LABEL = 190, TIMELINE_END = 970, TIMELINE_WIDTH = TIMELINE_END + 30 };

/* How many ms the plot is wide: to the last end. */
int64_t timeline_span(const struct report *report);

/* Where a moment of the attempt is. */
double timeline_place(int64_t ms, int64_t span);

/* Appends an <svg> element with these rows of the report; the page around it defines the classes of
 * its colours. */
void timeline_svg(struct buf *out, const struct report *report, const struct rows *rows);

#endif
