/* test_ends: how an attempt ends: all pairs of reasons, and all ways out, against lists of their
 * own.
 */
#include <signal.h>

#include "coord/ends.h"
#include "unit.h"

START_TEST(each_cause_means_one_end)
{
    for (int how = HOW_EXITED; how < HOW_COUNT; how++) {
        bool of_job = how == HOW_TOLD_TO_STOP || how == HOW_PARENT_GONE || how == HOW_PREEMPTED;
        enum ends want = how == HOW_LOST ? ENDS_PEER_LOST : of_job ? ENDS_TOLD : ENDS_FAILED;

        ck_assert_int_eq(ends_of((enum how)how, false), want);
        ck_assert_int_eq(ends_of((enum how)how, true), how == HOW_LOST ? ENDS_ROOT_LOST : want);
    }
}
END_TEST

START_TEST(a_later_reason_only_raises)
{
    for (enum ends now = 0; now < ENDS_COUNT; now++)
        for (enum ends reason = 0; reason < ENDS_COUNT; reason++) {
            enum ends then = ends_after(now, reason), greater = now > reason ? now : reason;
            bool first_loss = now == ENDS_PEER_LOST && reason == ENDS_ROOT_LOST;
            bool both = now + reason == ENDS_PREEMPTED + ENDS_FAILED && now && reason;

            ck_assert_int_ge(then, now);
            ck_assert_int_eq(then, first_loss ? ENDS_PEER_LOST : both ? ENDS_TOLD : greater);
            ck_assert(first_loss || then >= reason);
            ck_assert_int_eq(ends_after(then, reason), then); /* told again it is no news */
            ck_assert(ends_stops(then) == (ends_stops(now) || ends_stops(reason)));
            ck_assert(ends_job(then) == (ends_job(now) || ends_job(reason)));
        }
}
END_TEST

enum { ROOT = 2, LATE = 1 };

static bool is_possible(enum ends ends, int who)
{
    return !(who & LATE && !ends_stops(ends)) && !(who & ROOT && ends == ENDS_CUT_OFF);
}

static enum leaving wanted(enum ends ends, int who)
{
    if (who & ROOT)
        return who & LATE || ends >= ENDS_PEER_LOST ? LEAVE_ALONE : LEAVE_TOGETHER;
    if (ends >= ENDS_CUT_OFF)
        return LEAVE_AT_ONCE;
    if (who & LATE || ends == ENDS_ROOT_LOST)
        return LEAVE_ALONE;
    return ends == ENDS_PEER_LOST ? LEAVE_NOT : LEAVE_TOGETHER;
}

START_TEST(each_end_has_its_way_out)
{
    for (enum ends ends = 0; ends < ENDS_COUNT; ends++)
        for (int who = 0; who <= (ROOT | LATE); who++)
            if (is_possible(ends, who))
                ck_assert_int_eq(ends_leaving(ends, who & ROOT, who & LATE), wanted(ends, who));
}
END_TEST

/* One of those that cannot be. */
START_TEST(an_impossible_way_out_is_asserted)
{
    int n = 0;

    for (enum ends ends = 0; ends < ENDS_COUNT; ends++)
        for (int who = 0; who <= (ROOT | LATE); who++)
            if (!is_possible(ends, who) && n++ == _i)
                ends_leaving(ends, who & ROOT, who & LATE);
    ck_abort_msg("nothing was asserted");
}
END_TEST

enum { IMPOSSIBLE = 6 };
UNIT_MAIN_WITH("ends", NULL, NULL, UNIT(each_cause_means_one_end), UNIT(a_later_reason_only_raises),
               UNIT(each_end_has_its_way_out),
               UNIT_RAISES(an_impossible_way_out_is_asserted, IMPOSSIBLE, SIGABRT))
