/* block: the lines about the cause, which are the last on the console. */
#ifndef REPORT_BLOCK_H
#define REPORT_BLOCK_H

#include "base/buf.h"
#include "wire/outcome.h"

/* Appends whole lines: the sentence, the hint, the process's last lines and where its log is. */
void report_cause_block(struct buf *out, const struct cause *cause);

#endif
