/* failure: what counts as one, and which is the first. The keeper's own. */
#ifndef KEEPER_FAILURE_H
#define KEEPER_FAILURE_H

#include "keeper/machine.h"

/* Takes cause over; only the first one counts, and it stops this machine. */
void failure_raise(struct machine *m, struct cause *cause);

/* A cause about child i (-1: about the launcher here) with its log and last lines; text may be
 * NULL. */
struct cause *failure_about(struct machine *m, int i, enum how how, int value, int code,
                            const char *text);

/* What child i has left in torch's error file; NULL: nothing. The caller frees. */
char *failure_exception(struct machine *m, int i);

/* A cause about what is no child of ours, which ended at since: weighed against other bad ends of
 * the same moment. Taken over. */
void failure_suspect(struct machine *m, struct cause *cause, int64_t since);

/* The suspect, if there is one, becomes the cause. */
void failure_decide(struct machine *m);

/* Before anything is signalled: which children a signal is ending already. They dump core, perhaps,
 * and others have died of it since: that end is the earlier one. true: there are such children, or
 * descendants. */
bool failure_note_dying(struct machine *m);

/* What follows from the ends of these children, reaped together: n numbers in ended. */
void failure_judge(struct machine *m, const int *ended, int n);

/* A signal from outside to this keeper. */
void failure_told_to_stop(struct machine *m, int signal);

void failure_warn(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
