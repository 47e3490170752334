/* timeline: when each process ran, as an inline SVG. Private to the room.
 */
#ifndef REPORT_TIMELINE_H
#define REPORT_TIMELINE_H

#include "base/buf.h"
#include "report/report.h"

/* Appends an <svg> element; its colours are classes of the page around it. */
void timeline_svg(struct buf *out, const struct report *report);

#endif
