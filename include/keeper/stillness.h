/* stillness: tells the rank when the processes of this machine have done nothing for
 * --stall_timeout, and when they do something again. Something is: a line of output, CPU time
 * beyond an idle level, bytes read or written.
 */
#ifndef KEEPER_STILLNESS_H
#define KEEPER_STILLNESS_H

#include "keeper/state.h"

/* Trainers have been started. */
void stillness_begin(struct machine *m);

/* A sample was taken. */
void stillness_look(struct machine *m, int64_t now);

#endif
