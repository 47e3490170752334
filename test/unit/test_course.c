/* test_course: all pairs of a rank's stages, and all gates, against lists of their own. */
#include <signal.h>

#include "coord/course.h"
#include "unit.h"

static const struct {
    enum stage from, to;
} moves[] = {
    {STAGE_IDLE, STAGE_SERVERS},       {STAGE_SERVERS, STAGE_LISTENING},
    {STAGE_LISTENING, STAGE_TRAINERS}, {STAGE_TRAINERS, STAGE_ENDED},
    {STAGE_ENDED, STAGE_DRAIN},        {STAGE_SERVERS, STAGE_STOP},
    {STAGE_LISTENING, STAGE_STOP},     {STAGE_TRAINERS, STAGE_STOP},
    {STAGE_ENDED, STAGE_STOP},         {STAGE_DRAIN, STAGE_STOP},
    {STAGE_IDLE, STAGE_OVER},          {STAGE_DRAIN, STAGE_OVER},
    {STAGE_STOP, STAGE_OVER},          {STAGE_OVER, STAGE_SENT},
    {STAGE_SENT, STAGE_WRITING},       {STAGE_WRITING, STAGE_REPORTED},
    {STAGE_REPORTED, STAGE_CONCLUDED},
};

enum { MOVES = sizeof(moves) / sizeof(moves[0]) };

static bool is_move(enum stage from, enum stage to)
{
    for (int i = 0; i < MOVES; i++)
        if (moves[i].from == from && moves[i].to == to)
            return true;
    return false;
}

/* _i: the stage that is left. */
START_TEST(only_these_may_follow)
{
    for (enum stage to = 0; to < STAGE_RANK_COUNT; to++) {
        ck_assert_int_eq(course_may(_i, to), is_move(_i, to));
        if (course_may(_i, to))
            ck_assert_int_eq(course_enter(_i, to), to);
        ck_assert(!course_may(_i, to) || (int)to > _i); /* no way back */
    }
    ck_assert(!course_may(_i, STAGE_RANK_COUNT));
}
END_TEST

/* _i: of all pairs. */
START_TEST(others_are_asserted)
{
    enum stage from = _i / STAGE_RANK_COUNT, to = _i % STAGE_RANK_COUNT;

    if (is_move(from, to))
        abort(); /* each of the loop has to */
    course_enter(from, to);
}
END_TEST

START_TEST(gates_open_in_their_turn)
{
    static const enum stage gates[] = {STAGE_SERVERS, STAGE_TRAINERS, STAGE_DRAIN, STAGE_OVER};
    static const enum stage ready[] = {STAGE_IDLE, STAGE_LISTENING, STAGE_ENDED};

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(course_next_gate(gates[i]), gates[i + 1]);
        for (enum stage stage = 0; stage < STAGE_RANK_COUNT; stage++) {
            ck_assert_int_eq(course_gate_is_due(gates[i], stage, false, false), stage == ready[i]);
            ck_assert(course_gate_is_due(gates[i], stage, true, true));
        }
    }
    for (enum stage stage = 0; stage < STAGE_RANK_COUNT; stage++) {
        ck_assert(course_gate_is_due(STAGE_OVER, stage, true, false) == (stage >= STAGE_SENT));
        ck_assert(course_gate_is_due(STAGE_OVER, stage, true, true) == (stage == STAGE_CONCLUDED));
    }
}
END_TEST

START_TEST(nothing_is_behind_the_last_gate)
{
    course_next_gate(STAGE_OVER);
}
END_TEST

UNIT_MAIN_WITH("course", NULL, NULL, UNIT_LOOP(only_these_may_follow, STAGE_RANK_COUNT),
               UNIT_RAISES(others_are_asserted, STAGE_RANK_COUNT *STAGE_RANK_COUNT, SIGABRT),
               UNIT(gates_open_in_their_turn),
               UNIT_RAISES(nothing_is_behind_the_last_gate, 1, SIGABRT))
