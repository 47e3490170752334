/* course: the table. */
#include "coord/course.h"

#include <assert.h>

#define FROM(stage) (1u << STAGE_##stage)

/* What is not here is a keeper's alone. STOP: the keeper was told to stop, and has not ended. */
static const unsigned comes_from[STAGE_RANK_COUNT] = {
    [STAGE_SERVERS] = FROM(IDLE),
    [STAGE_LISTENING] = FROM(SERVERS),
    [STAGE_TRAINERS] = FROM(LISTENING),
    [STAGE_ENDED] = FROM(TRAINERS),
    [STAGE_DRAIN] = FROM(ENDED),
    [STAGE_STOP] = FROM(SERVERS) | FROM(LISTENING) | FROM(TRAINERS) | FROM(ENDED) | FROM(DRAIN),
    [STAGE_OVER] = FROM(IDLE) | FROM(DRAIN) | FROM(STOP),
    [STAGE_SENT] = FROM(OVER),
    [STAGE_WRITING] = FROM(SENT),
    [STAGE_REPORTED] = FROM(WRITING),
    [STAGE_CONCLUDED] = FROM(REPORTED),
};

bool course_may(enum stage from, enum stage to)
{
    return to < STAGE_RANK_COUNT && comes_from[to] & 1u << from;
}

enum stage course_enter(enum stage from, enum stage to)
{
    assert(course_may(from, to));
    return to;
}

enum stage course_next_gate(enum stage gate)
{
    switch (gate) {
    case STAGE_SERVERS: return STAGE_TRAINERS;
    case STAGE_TRAINERS: return STAGE_DRAIN;
    case STAGE_DRAIN: return STAGE_OVER;
    default: assert(!"no gate, or the last"); return STAGE_OVER;
    }
}

bool course_gate_is_due(enum stage gate, enum stage stage, bool stops, bool is_root)
{
    if (gate == STAGE_OVER)
        return stage >= (is_root ? STAGE_CONCLUDED : STAGE_SENT);
    return stops || course_may(stage, gate);
}
