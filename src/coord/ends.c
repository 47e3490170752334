/* ends: three tables. */
#include "coord/ends.h"

#include <assert.h>

enum ends ends_of(enum how how, bool names_root)
{
    switch (how) {
    case HOW_TOLD_TO_STOP:
    case HOW_PARENT_GONE:
    case HOW_PREEMPTED: return ENDS_TOLD;
    case HOW_LOST: return names_root ? ENDS_ROOT_LOST : ENDS_PEER_LOST;
    default: return ENDS_FAILED;
    }
}

enum ends ends_after(enum ends now, enum ends reason)
{
    static const struct {
        enum ends now, reason, then;
    } exceptions[] = {{ENDS_PREEMPTED, ENDS_FAILED, ENDS_TOLD},
                      {ENDS_FAILED, ENDS_PREEMPTED, ENDS_TOLD},
                      {ENDS_PEER_LOST, ENDS_ROOT_LOST, ENDS_PEER_LOST}};

    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
        if (exceptions[i].now == now && exceptions[i].reason == reason)
            return exceptions[i].then;
    return now > reason ? now : reason;
}

bool ends_stops(enum ends ends)
{
    return ends >= ENDS_FAILED;
}

bool ends_job(enum ends ends)
{
    return ends == ENDS_PREEMPTED || ends >= ENDS_TOLD;
}

/* Columns: another rank in time and late, rank 0 in time and late. */
enum leaving ends_leaving(enum ends ends, bool is_root, bool late)
{
    static const enum leaving table[ENDS_COUNT][4] = {
        [ENDS_NOT] = {LEAVE_TOGETHER, LEAVE_IMPOSSIBLE, LEAVE_TOGETHER, LEAVE_IMPOSSIBLE},
        [ENDS_PREEMPTED] = {LEAVE_TOGETHER, LEAVE_IMPOSSIBLE, LEAVE_TOGETHER, LEAVE_IMPOSSIBLE},
        [ENDS_FAILED] = {LEAVE_TOGETHER, LEAVE_ALONE, LEAVE_TOGETHER, LEAVE_ALONE},
        [ENDS_TOLD] = {LEAVE_TOGETHER, LEAVE_ALONE, LEAVE_TOGETHER, LEAVE_ALONE},
        [ENDS_PEER_LOST] = {LEAVE_NOT, LEAVE_ALONE, LEAVE_ALONE, LEAVE_ALONE},
        [ENDS_ROOT_LOST] = {LEAVE_ALONE, LEAVE_ALONE, LEAVE_ALONE, LEAVE_ALONE},
        [ENDS_CUT_OFF] = {LEAVE_AT_ONCE, LEAVE_AT_ONCE, LEAVE_IMPOSSIBLE, LEAVE_IMPOSSIBLE},
        [ENDS_ABANDONED] = {LEAVE_AT_ONCE, LEAVE_AT_ONCE, LEAVE_ALONE, LEAVE_ALONE},
    };
    enum leaving leaving = table[ends][2 * is_root + late];

    assert(leaving != LEAVE_IMPOSSIBLE);
    return leaving;
}
