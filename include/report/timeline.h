/* timeline: when each process ran, as an inline SVG. Private to html. */
#ifndef REPORT_TIMELINE_H
#define REPORT_TIMELINE_H

#include "base/buf.h"
#include "report/report.h"

/* Appends an <svg> element; the page around it defines the classes of its colours. */
void timeline_svg(struct buf *out, const struct report *report);

#endif
