/* evidence: makes a cause of what has been seen. Decides nothing, and sends nothing. */
#ifndef KEEPER_EVIDENCE_H
#define KEEPER_EVIDENCE_H

#include "keeper/state.h"

/* A cause about child i (-1: about the launcher here) with its log and last lines; text may be
 * NULL. The caller owns it. */
struct cause *evidence_cause(struct machine *m, int i, enum how how, int value, int code,
                             const char *text);

/* The same of child i's end, as wait has told it. */
struct cause *evidence_of_end(struct machine *m, int i);

/* What child i has left in torch's error file; NULL: nothing. The caller frees. */
char *evidence_exception(struct machine *m, int i);

/* What is known about a death by signal; NULL: nothing. The caller frees. */
char *evidence_explain(const struct machine *m, int signal, pid_t pid, int64_t peak_kb);

#endif
