/* stage: the life of one machine as one table (stage, event) -> stage. Pure. */
#ifndef KEEPER_STAGE_H
#define KEEPER_STAGE_H

enum stage {
    STAGE_IDLE,         /* nothing has been started */
    STAGE_SERVERS,      /* servers start; not all of them listen */
    STAGE_LISTENING,    /* all listen; waits for the other machines */
    STAGE_TRAINERS,     /* trainers (and samplers) run */
    STAGE_ENDED,        /* all trainers ended well; waits for the other machines */
    STAGE_DRAIN,        /* servers leave by themselves */
    STAGE_STOP,         /* TERM has been sent to whatever is left, but to servers */
    STAGE_STOP_SERVERS, /* TERM has been sent to the servers too */
    STAGE_KILL,         /* KILL is sent until nothing is left */
    STAGE_OVER,         /* nothing is left */
    STAGE_COUNT
};

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
