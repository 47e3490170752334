/* failure: decides what counts as a failure, and which failure is the first. Sets TIMER_JUDGE,
 * adds EVENT_FAIL, and sends the cause alone.
 */
#ifndef KEEPER_FAILURE_H
#define KEEPER_FAILURE_H

#include "keeper/state.h"

/* Reports a failure. Only the first one counts, and it stops this machine (EVENT_FAIL). Takes
 * ownership of cause. */
void failure_raise(struct machine *m, struct cause *cause);

/* Reports the death (at time since) of a descendant that is not our direct child. It competes
 * with other failures of the same moment. Takes ownership of cause. */
void failure_suspect(struct machine *m, struct cause *cause, int64_t since);

/* Is a process still dying that may have begun to before the suspect? Then sets TIMER_JUDGE again.
 */
bool failure_awaits_dying(struct machine *m);

/* Makes the suspect, if there is one, the cause. */
void failure_decide(struct machine *m);

/* Call before anything is signalled: notes which children a signal is ending already. They may
 * dump core, and others may have died because of them: a dying one's end counts as the earlier.
 * True: there are such children, or such descendants. */
bool failure_note_dying(struct machine *m);

/* Judges child i's end. False: it ended well, and by itself. */
bool failure_judge(struct machine *m, int i);

/* Reports a signal from outside to this keeper. */
void failure_told_to_stop(struct machine *m, int signal);

#endif
