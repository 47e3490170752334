/* stage: the life of one machine at its keeper as one table (stage, event) -> stage. Pure. */
#ifndef KEEPER_STAGE_H
#define KEEPER_STAGE_H

#include "wire/stage.h"

enum stage_event {
    EVENT_GO,       /* the coordinator's gate has been passed */
    EVENT_READY,    /* all servers listen */
    EVENT_DONE,     /* TRAINERS: all trainers ended well; DRAIN: all servers have left; STOP: only
                       servers are left */
    EVENT_FAIL,     /* a child ended badly, told to stop, the rank is gone */
    EVENT_DEADLINE, /* exit_timeout in DRAIN, the end of kill_grace, a second in KILL */
    EVENT_HURRY,    /* stop without grace */
    EVENT_EMPTY,    /* no descendant is left: wait says ECHILD */
    EVENT_COUNT
};

/* Where event leads from stage; stage itself where it changes nothing. */
enum stage stage_next(enum stage stage, enum stage_event event);

/* "IDLE", "SERVERS", ...; "?" out of range. */
const char *stage_name(enum stage stage);

#endif
