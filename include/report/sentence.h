/* sentence: what became of whom and where, in words. */
#ifndef REPORT_SENTENCE_H
#define REPORT_SENTENCE_H

#include "base/buf.h"
#include "wire/outcome.h"

/* One sentence without a full stop: host, role, id, pid, how, the cause's text (which may hold a
 * remedy, and line breaks for lists: then further lines are indented). */
void report_sentence(struct buf *out, const struct cause *cause);

/* "; the job had failed: SENTENCE", to stand behind another failure; "" without a cause. The caller
 * frees. */
char *report_had_failed(const struct cause *cause);

/* The cause's own exception, else the last exception line of a Python traceback among its last
 * lines; NULL when there is none. Borrowed. */
const char *report_exception(const struct cause *cause);

/* "killed by a signal" and its like: lower case, the same for all causes of a kind. */
const char *report_how(enum how how);

/* The number of the signal that a shell means by this exit code; 0: none. */
int report_shell_signal(int exit_code);

#endif
