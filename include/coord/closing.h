/* closing: the end of a coordinator: its outcome, rank 0's report, and when it leaves.
 */
#ifndef COORD_CLOSING_H
#define COORD_CLOSING_H

#include "coord/state.h"

/* Once this machine is over: sends its outcome, reports (rank 0), and leaves where the last gate
 * is not to be waited for. Call it in each turn. */
void coord_run_closing(struct coord *c, int64_t now);

/* Another rank than 0 tells rank 0 this machine's outcome, with what failed here. */
void coord_tell_outcome(struct coord *c);

#endif
