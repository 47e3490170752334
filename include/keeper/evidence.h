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

/* The same of process pid, whose status was that, and which child i has started or is: with what
 * the machine tells about a death by that signal, and then text (may be NULL). peak_kb: the most
 * memory that it has used; 0: not known. */
struct cause *evidence_of_status(struct machine *m, int i, pid_t pid, int status, int64_t peak_kb,
                                 const char *text);

/* "was killed by SIGKILL", "exited with code 3" */
void evidence_add_end(struct buf *out, int status);

#endif
