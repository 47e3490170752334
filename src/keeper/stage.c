/* stage: the table. Knows no process, no clock and no message; machine.c does what entering a
 * stage asks for. Every job, a good one too, ends by STOP -> STOP_SERVERS -> (KILL ->) OVER, so
 * that stray descendants are always ended.
 */
#include "keeper/stage.h"

#define STAY(stage) STAGE_##stage

/* Columns: GO, READY, DONE, FAIL, DEADLINE, HURRY, EMPTY. */
static const enum stage table[STAGE_COUNT][EVENT_COUNT] = {
    [STAGE_IDLE] = {STAGE_SERVERS, STAY(IDLE), STAY(IDLE), STAGE_STOP, STAY(IDLE), STAGE_KILL,
                    STAY(IDLE)},
    [STAGE_SERVERS] = {STAY(SERVERS), STAGE_LISTENING, STAY(SERVERS), STAGE_STOP, STAY(SERVERS),
                       STAGE_KILL, STAY(SERVERS)},
    [STAGE_LISTENING] = {STAGE_TRAINERS, STAY(LISTENING), STAY(LISTENING), STAGE_STOP,
                         STAY(LISTENING), STAGE_KILL, STAY(LISTENING)},
    [STAGE_TRAINERS] = {STAY(TRAINERS), STAY(TRAINERS), STAGE_ENDED, STAGE_STOP, STAY(TRAINERS),
                        STAGE_KILL, STAY(TRAINERS)},
    [STAGE_ENDED] = {STAGE_DRAIN, STAY(ENDED), STAY(ENDED), STAGE_STOP, STAY(ENDED), STAGE_KILL,
                     STAY(ENDED)},
    [STAGE_DRAIN] = {STAY(DRAIN), STAY(DRAIN), STAGE_STOP, STAGE_STOP, STAGE_STOP, STAGE_KILL,
                     STAY(DRAIN)},
    [STAGE_STOP] = {STAY(STOP), STAY(STOP), STAGE_STOP_SERVERS, STAY(STOP), STAGE_STOP_SERVERS,
                    STAGE_KILL, STAGE_OVER},
    [STAGE_STOP_SERVERS] = {STAY(STOP_SERVERS), STAY(STOP_SERVERS), STAY(STOP_SERVERS),
                            STAY(STOP_SERVERS), STAGE_KILL, STAGE_KILL, STAGE_OVER},
    [STAGE_KILL] = {STAY(KILL), STAY(KILL), STAY(KILL), STAY(KILL), STAY(KILL), STAY(KILL),
                    STAGE_OVER},
    [STAGE_OVER] = {STAY(OVER), STAY(OVER), STAY(OVER), STAY(OVER), STAY(OVER), STAY(OVER),
                    STAY(OVER)},
};

enum stage stage_next(enum stage stage, enum stage_event event)
{
    return table[stage][event];
}

const char *stage_name(enum stage stage)
{
    static const char *const names[STAGE_COUNT] = {"IDLE",  "SERVERS", "LISTENING", "TRAINERS",
                                                   "ENDED", "DRAIN",   "STOP",      "STOP_SERVERS",
                                                   "KILL",  "OVER"};

    return (unsigned)stage < STAGE_COUNT ? names[stage] : "?";
}
