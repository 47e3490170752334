/* test_stage: all stage x event pairs against a list of its own, and that OVER is reachable from
 * every stage; which of the events that wait still count when they are taken.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "keeper/stage.h"
#include "keeper/state.h"

/* Every pair that leads elsewhere; all others stay. */
static const struct {
    enum stage from;
    enum stage_event event;
    enum stage to;
} moves[] = {
    {STAGE_IDLE, EVENT_GO, STAGE_SERVERS},         {STAGE_IDLE, EVENT_FAIL, STAGE_STOP},
    {STAGE_IDLE, EVENT_HURRY, STAGE_KILL},         {STAGE_SERVERS, EVENT_READY, STAGE_LISTENING},
    {STAGE_SERVERS, EVENT_FAIL, STAGE_STOP},       {STAGE_SERVERS, EVENT_HURRY, STAGE_KILL},
    {STAGE_LISTENING, EVENT_GO, STAGE_TRAINERS},   {STAGE_LISTENING, EVENT_FAIL, STAGE_STOP},
    {STAGE_LISTENING, EVENT_HURRY, STAGE_KILL},    {STAGE_TRAINERS, EVENT_DONE, STAGE_ENDED},
    {STAGE_TRAINERS, EVENT_FAIL, STAGE_STOP},      {STAGE_TRAINERS, EVENT_HURRY, STAGE_KILL},
    {STAGE_ENDED, EVENT_GO, STAGE_DRAIN},          {STAGE_ENDED, EVENT_FAIL, STAGE_STOP},
    {STAGE_ENDED, EVENT_HURRY, STAGE_KILL},        {STAGE_DRAIN, EVENT_DONE, STAGE_STOP},
    {STAGE_DRAIN, EVENT_FAIL, STAGE_STOP},         {STAGE_DRAIN, EVENT_DEADLINE, STAGE_STOP},
    {STAGE_DRAIN, EVENT_HURRY, STAGE_KILL},        {STAGE_STOP, EVENT_DEADLINE, STAGE_STOP_SERVERS},
    {STAGE_STOP, EVENT_DONE, STAGE_STOP_SERVERS},  {STAGE_STOP_SERVERS, EVENT_DEADLINE, STAGE_KILL},
    {STAGE_STOP_SERVERS, EVENT_HURRY, STAGE_KILL}, {STAGE_STOP_SERVERS, EVENT_EMPTY, STAGE_OVER},
    {STAGE_STOP, EVENT_HURRY, STAGE_KILL},         {STAGE_STOP, EVENT_EMPTY, STAGE_OVER},
    {STAGE_KILL, EVENT_EMPTY, STAGE_OVER},
};

START_TEST(test_all_pairs)
{
    for (int from = 0; from < STAGE_COUNT; from++) {
        for (int event = 0; event < EVENT_COUNT; event++) {
            enum stage want = (enum stage)from;

            for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
                if ((int)moves[i].from == from && (int)moves[i].event == event)
                    want = moves[i].to;
            }
            ck_assert_msg(stage_next((enum stage)from, (enum stage_event)event) == want,
                          "%s, event %d: %s", stage_name((enum stage)from), event,
                          stage_name(stage_next((enum stage)from, (enum stage_event)event)));
        }
    }
}
END_TEST

START_TEST(test_over_is_reachable)
{
    bool reaches[STAGE_COUNT] = {[STAGE_OVER] = true};

    for (int pass = 0; pass < STAGE_COUNT; pass++) {
        for (int from = 0; from < STAGE_COUNT; from++) {
            for (int event = 0; event < EVENT_COUNT; event++) {
                if (reaches[stage_next((enum stage)from, (enum stage_event)event)])
                    reaches[from] = true;
            }
        }
    }
    for (int from = 0; from < STAGE_COUNT; from++)
        ck_assert_msg(reaches[from], "OVER cannot be reached from %s",
                      stage_name((enum stage)from));
}
END_TEST

/* A failure ends the life from wherever, in two steps when nothing lives; nothing leads back. */
START_TEST(test_failure_always_ends)
{
    for (int from = 0; from < STAGE_OVER; from++) {
        enum stage stage = stage_next((enum stage)from, EVENT_FAIL);

        ck_assert_int_ge(stage, STAGE_STOP);
        ck_assert_int_eq(stage_next(stage, EVENT_EMPTY), STAGE_OVER);
    }
    for (int from = 0; from < STAGE_COUNT; from++) {
        for (int event = 0; event < EVENT_COUNT; event++)
            ck_assert_int_ge(stage_next((enum stage)from, (enum stage_event)event), from);
    }
}
END_TEST

START_TEST(test_names)
{
    ck_assert_str_eq(stage_name(STAGE_IDLE), "IDLE");
    ck_assert_str_eq(stage_name(STAGE_OVER), "OVER");
    ck_assert_str_eq(stage_name(STAGE_COUNT), "?");
}
END_TEST

/* A server fails and the last trainer ends in one moment: there is no ENDED to come to any more. */
START_TEST(test_late_events)
{
    static struct machine m;
    enum stage_event what;

    m.stage = STAGE_TRAINERS;
    state_add(&m, EVENT_FAIL);
    state_add(&m, EVENT_DONE);
    state_add(&m, EVENT_EMPTY);
    state_add(&m, EVENT_DONE);
    ck_assert_int_eq(m.n_events, 3);
    ck_assert(state_take(&m, &what) && what == EVENT_FAIL);
    m.stage = STAGE_STOP;
    state_add(&m, EVENT_DONE);
    ck_assert(state_take(&m, &what) && what == EVENT_EMPTY);
    ck_assert(state_take(&m, &what) && what == EVENT_DONE);
    ck_assert(!state_take(&m, &what));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stage");
    TCase *tcase = tcase_create("table");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, test_all_pairs);
    tcase_add_test(tcase, test_over_is_reachable);
    tcase_add_test(tcase, test_failure_always_ends);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_late_events);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
