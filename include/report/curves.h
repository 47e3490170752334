/* curves: memory, /dev/shm and CPU of the machines over time, as an inline SVG. Private to html.
 */
#ifndef REPORT_CURVES_H
#define REPORT_CURVES_H

#include "base/buf.h"
#include "report/report.h"

enum { CURVES_MOST = 32 /* machines that are drawn */ };

/* How many machines have a curve. */
int curves_count(const struct report *report);

/* Appends an <svg> element with the machines whose memory was fullest, on the time base of the
 * timeline; the page around it defines the classes of its colours. */
void curves_svg(struct buf *out, const struct report *report);

#endif
