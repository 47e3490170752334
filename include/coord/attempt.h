/* attempt: one attempt of the job after the other, on the same ranks.
 */
#ifndef COORD_ATTEMPT_H
#define COORD_ATTEMPT_H

#include "coord/state.h"

/* This machine's slice has come: checks the machine. Takes the slice over. */
void coord_on_slice(struct coord *c, struct slice *slice);

void coord_begin_first(struct coord *c);

/* The last gate says that the job starts again. */
void coord_begin_next(struct coord *c);

#endif
