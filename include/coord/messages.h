/* messages: what a coordinator does when its keeper or another coordinator has sent something.
 */
#ifndef COORD_MESSAGES_H
#define COORD_MESSAGES_H

#include "coord/state.h"

/* Handles what the keeper has sent, and notices its death. True: there was something. */
bool coord_pump_keeper(struct coord *c);

/* Handles what other coordinators have sent. True: there was something, or something leaves. */
bool coord_pump_peers(struct coord *c);

/* Rank 0: handles what rank `from`, perhaps 0 itself, has sent to rank 0 alone. */
void coord_on_for_root(struct coord *c, int from, enum message_type type, struct buf *payload);

#endif
