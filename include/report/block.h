/* block: what the console shows of the cause. */
#ifndef REPORT_BLOCK_H
#define REPORT_BLOCK_H

#include "base/buf.h"
#include "wire/outcome.h"

/* The block for the console: the sentence, hint, the last lines, where the log is; several whole
 * lines. */
void report_cause_block(struct buf *out, const struct cause *cause);

#endif
