/* failure: what counts as one, and which is the first. Sets TIMER_JUDGE and adds EVENT_FAIL; sends
 * nothing but the cause.
 */
#ifndef KEEPER_FAILURE_H
#define KEEPER_FAILURE_H

#include "keeper/state.h"

/* Takes cause over; only the first one counts, and it stops this machine (EVENT_FAIL). */
void failure_raise(struct machine *m, struct cause *cause);

/* A cause about what is no child of ours, which ended at since: weighed against other bad ends of
 * the same moment. Taken over. */
void failure_suspect(struct machine *m, struct cause *cause, int64_t since);

/* Is the first to die perhaps one that has not ended yet? Then TIMER_JUDGE is set again. */
bool failure_awaits_dying(struct machine *m);

/* The suspect, if there is one, becomes the cause. */
void failure_decide(struct machine *m);

/* Before anything is signalled: which children a signal is ending already. They dump core, perhaps,
 * and others have died of it since: that end is the earlier one. true: there are such children, or
 * descendants. */
bool failure_note_dying(struct machine *m);

/* What follows from child i's end; false: it was a good one, and its own. */
bool failure_judge(struct machine *m, int i);

/* A signal from outside to this keeper. */
void failure_told_to_stop(struct machine *m, int signal);

#endif
