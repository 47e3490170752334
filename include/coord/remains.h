/* remains: what a keeper leaves that has died, or does not answer and is killed: its processes,
 * then its files. The rank ends the processes, which have come to it, and has its scribe remove the
 * files, step by step, since it never waits. The machine is over when both are done or in vain.
 */
#ifndef COORD_REMAINS_H
#define COORD_REMAINS_H

#include <stdint.h>

#include "base/strv.h"
#include "keeper/ending.h"

enum remains_step {
    REMAINS_NONE,      /* the keeper lives */
    REMAINS_KEEPER,    /* it was killed, and has not gone */
    REMAINS_PROCESSES, /* it has gone; its processes are ended */
    REMAINS_FILES,     /* they are; the scribe removes its files */
    REMAINS_ENDED
};

struct remains {
    enum remains_step step;
    struct ending ending; /* does anything of what is left move? */
    struct strv unkilled; /* as in the outcome */
    int64_t next_look;    /* clock_ms */
    int64_t leave_by;     /* when a keeper that was told to leave must have gone; 0: it was not */
};

struct coord;

/* The keeper's end of the socket is closed before its time. */
void coord_on_keeper_gone(struct coord *c);

/* The keeper has not answered for lost_timeout, or starts for longer than start_timeout (code): it
 * is killed, which ends its processes too. */
void coord_on_silent_keeper(struct coord *c, int code);

/* Kills the keeper and does not wait for its end. */
void coord_kill_keeper(struct coord *c);

/* At the start of an attempt: this machine has no keeper any more. */
void coord_fail_without_keeper(struct coord *c);

/* The next step, when it is due. */
void coord_end_remains(struct coord *c, int64_t now);

/* Takes the scribe's answers: those about the report go to rank 0's root. */
void coord_hear_scribe(struct coord *c);

/* At the end, once each few milliseconds until it says that it is done: a keeper that is there is
 * told to leave, or killed when it does not; what there is to remove is removed. That takes as long
 * as anything moves. Does not block. */
bool coord_see_keeper_off(struct coord *c, int64_t now);

#endif
