/* attempt: one attempt of the job after the other, on the same ranks.
 */
#ifndef COORD_ATTEMPT_H
#define COORD_ATTEMPT_H

#include "coord/state.h"

/* This machine's slice has come: checks the machine. Takes the slice over. */
void coord_on_slice(struct coord *c, struct slice *slice);

void coord_begin_first(struct coord *c);

/* Another rank is in that attempt. */
void coord_note_attempt(struct coord *c, int attempt);

/* A machine is lost, so that no gate opens here any more; but the last gate has opened elsewhere,
 * and others wait for this rank's outcome of the attempt that they have begun: begins it too. */
bool coord_follow(struct coord *c);

/* The last gate says that the job starts again. */
void coord_begin_next(struct coord *c);

#endif
