/* json: report.json. */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include "base/buf.h"
#include "report/report.h"

/* Appends the report as doc/report.schema.json describes it. */
void report_json(struct buf *out, const struct report *report);

#endif
