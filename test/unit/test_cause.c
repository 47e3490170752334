/* cause: which failure was the first, at the edges of the 50 ms and by all tie rules. */
#include "report/cause.h"
#include "unit.h"

static struct cause make(enum how how, enum role role, int64_t age_ms)
{
    return (struct cause){.how = how, .role = role, .age_ms = age_ms};
}

/* Which of two causes is the first, in either order: 0 is a, 1 is b. */
static int first_of(struct cause a, struct cause b)
{
    const struct cause *ab[] = {&a, &b}, *ba[] = {&b, &a};
    const struct cause *first = report_first_cause(ab, 2);

    ck_assert_ptr_eq(first, report_first_cause(ba, 2));
    return first == &b;
}

START_TEST(none_gives_none)
{
    const struct cause *none[] = {NULL, NULL};
    struct cause one = make(HOW_EXITED, ROLE_TRAINER, 0);
    const struct cause *mixed[] = {NULL, &one, NULL};

    ck_assert_ptr_null(report_first_cause(NULL, 0));
    ck_assert_ptr_null(report_first_cause(none, 2));
    ck_assert_ptr_eq(report_first_cause(mixed, 3), &one);
}
END_TEST

START_TEST(the_oldest_wins_beyond_50_ms)
{
    struct cause old = make(HOW_LOST, ROLE_LAUNCHER, 1051);

    ck_assert_int_eq(first_of(old, make(HOW_SIGNALED, ROLE_SERVER, 1000)), 0);
    old.age_ms = 1050;
    ck_assert_int_eq(first_of(old, make(HOW_SIGNALED, ROLE_SERVER, 1000)), 1);
}
END_TEST

START_TEST(kinds_have_an_order_within_50_ms)
{
    static const enum how order[] = {HOW_PREEMPTED, HOW_SIGNALED,     HOW_LAUNCHER,
                                     HOW_EXITED,    HOW_TOLD_TO_STOP, HOW_NONE};

    for (int i = 0; i + 1 < 5; i++)
        ck_assert_int_eq(
            first_of(make(order[i + 1], ROLE_SERVER, 50), make(order[i], ROLE_LAUNCHER, 0)), 1);
}
END_TEST

START_TEST(kinds_that_end_in_a_code_are_equal)
{
    static const enum how equal[] = {HOW_EXITED, HOW_LEFT_EARLY, HOW_EXEC_FAILED, HOW_CHECK_FAILED,
                                     HOW_START_TIMEOUT};

    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++)
            ck_assert_int_eq(
                first_of(make(equal[i], ROLE_TRAINER, 50), make(equal[k], ROLE_SERVER, 0)), 1);
}
END_TEST

START_TEST(what_comes_from_outside_is_last)
{
    static const enum how outside[] = {HOW_LOST, HOW_TOLD_TO_STOP, HOW_PARENT_GONE};

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(
            first_of(make(outside[i], ROLE_LAUNCHER, 50), make(HOW_SIGNALED, ROLE_TRAINER, 0)), 1);
        ck_assert_int_eq(
            first_of(make(outside[i], ROLE_LAUNCHER, 50), make(HOW_EXITED, ROLE_TRAINER, 0)), 1);
    }
}
END_TEST

START_TEST(a_server_goes_before_a_trainer)
{
    struct cause trainer = make(HOW_EXITED, ROLE_TRAINER, 50);

    ck_assert_int_eq(first_of(trainer, make(HOW_EXITED, ROLE_SERVER, 0)), 1);
    ck_assert_int_eq(first_of(trainer, make(HOW_EXITED, ROLE_SAMPLER, 0)), 1);
    trainer.how = HOW_SIGNALED; /* the kind goes before the role */
    ck_assert_int_eq(first_of(trainer, make(HOW_EXITED, ROLE_SERVER, 49)), 0);
}
END_TEST

START_TEST(equal_ones_are_told_apart_by_age_machine_and_id)
{
    struct cause a = make(HOW_EXITED, ROLE_TRAINER, 10);
    struct cause b = make(HOW_EXITED, ROLE_TRAINER, 11);

    ck_assert_int_eq(first_of(a, b), 1);
    b.age_ms = a.age_ms;
    a.machine = 1;
    ck_assert_int_eq(first_of(a, b), 1);
    b.machine = 1;
    a.id = 3;
    ck_assert_int_eq(first_of(a, b), 1);
}
END_TEST

START_TEST(the_window_begins_at_the_oldest_and_does_not_slide)
{
    struct cause a = make(HOW_EXITED, ROLE_TRAINER, 100);
    struct cause b = make(HOW_EXITED, ROLE_SERVER, 60);
    struct cause c = make(HOW_SIGNALED, ROLE_SERVER, 20); /* 40 after b, but 80 after a */
    const struct cause *all[] = {&c, &b, &a};

    ck_assert_ptr_eq(report_first_cause(all, 3), &b);
}
END_TEST

UNIT_MAIN("cause", none_gives_none, the_oldest_wins_beyond_50_ms, kinds_have_an_order_within_50_ms,
          kinds_that_end_in_a_code_are_equal, what_comes_from_outside_is_last,
          a_server_goes_before_a_trainer, equal_ones_are_told_apart_by_age_machine_and_id,
          the_window_begins_at_the_oldest_and_does_not_slide)
