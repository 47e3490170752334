/* evidence: makes a cause of what is known. Decides nothing, and sends nothing. */
#ifndef KEEPER_EVIDENCE_H
#define KEEPER_EVIDENCE_H

#include "keeper/state.h"

/* A cause about child i (-1: about the launcher here) with its log and last lines; text may be
 * NULL. The caller owns it. */
struct cause *evidence_cause(struct machine *m, int i, enum how how, int value, int code,
                             const char *text);

/* A cause about child i's end, of the status that wait has told. */
struct cause *evidence_of_end(struct machine *m, int i);

/* The exception in torch's error file of child i; NULL: none. The caller frees. */
char *evidence_exception(struct machine *m, int i);

/* What the machine tells about a death by that signal; NULL: nothing. The caller frees. */
char *evidence_explain(const struct machine *m, int signal, pid_t pid, int64_t peak_kb);

#endif
