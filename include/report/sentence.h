/* sentence: what became of whom and where, in words. */
#ifndef REPORT_SENTENCE_H
#define REPORT_SENTENCE_H

#include "base/buf.h"
#include "wire/outcome.h"

/* Appends a sentence without a full stop: role, id, host, pid, how, and the cause's own text, whose
 * further lines are indented. */
void report_sentence(struct buf *out, const struct cause *cause);

/* "; the job had failed: SENTENCE", for the end of another failure's sentence; "" without a cause.
 * The caller frees. */
char *report_had_failed(const struct cause *cause);

/* The cause's own exception, else the last exception line of a Python traceback among its last
 * lines; NULL when there is none. Borrowed. */
const char *report_exception(const struct cause *cause);

/* The same words for all causes of a kind, such as "killed by a signal". */
const char *report_how(enum how how);

/* The signal that a shell reports by this exit code; 0: none. */
int report_shell_signal(int exit_code);

#endif
