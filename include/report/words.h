/* words: parts of sentences about a cause. Private to the room.
 */
#ifndef REPORT_WORDS_H
#define REPORT_WORDS_H

#include "base/buf.h"
#include "base/strv.h"
#include "report/report.h"
#include "wire/outcome.h"

/* "killed by a signal" and its like: lower case, the same for all causes of a kind. */
const char *words_how(enum how how);

/* The number of the signal that a shell means by this exit code; 0: none. */
int words_shell_signal(int exit_code);

/* What often helps, with no text of the cause's own; NULL when nothing is known. Static. */
const char *words_hint(const struct cause *cause);

/* A warning and whose it is; borrowed. */
struct warned {
    const struct outcome *outcome;
    const struct warning *warning;
};

/* Those of all machines, the oldest first. The caller frees the array. */
struct warned *words_warnings(const struct report *report, size_t *n);

#endif
