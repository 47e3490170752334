/* departure: how a rank leaves once that is decided. Its keeper and its scribe go first, which may
 * take seconds where one of them hangs. Meanwhile the rank still answers and passes on what others
 * send: who asks rank 0 for a sign of life in vain takes its own machine for cut off.
 */
#ifndef COORD_DEPARTURE_H
#define COORD_DEPARTURE_H

#include "coord/state.h"

/* Sees keeper and scribe off, tells the sleepers the code and, where rank 0 leaves without a gate,
 * all ranks, and leaves. If another rank than 0 hears rank 0's code only now, it leaves with that.
 */
_Noreturn void coord_leave(struct coord *c, int code, enum leaving how);

#endif
