/* test_attempts: what is kept of earlier attempts, and that it is owned. */
#include <check.h>

#include "base/mem.h"
#include "coord/attempts.h"
#include "unit.h"

static const struct phase phases[] = {{"servers", 0, 5}, {"trainers", 5, 9}};

/* An attempt that failed with this code; its parts are the test's to give away. */
static struct report make(int attempt, struct cause *cause)
{
    struct outcome *outcomes = mem_calloc(1, sizeof(*outcomes));

    outcomes[0].host = mem_strdup("vm0");
    return (struct report){.attempt = attempt,
                           .phases = phases,
                           .n_phases = 2,
                           .outcomes = outcomes,
                           .n_outcomes = 1,
                           .cause = cause};
}

START_TEST(what_is_kept_is_a_copy)
{
    struct attempts attempts = {0};
    struct cause cause = {.how = HOW_EXITED, .host = "vm1", .value = 3, .code = 3};
    struct report report = make(0, &cause);

    attempts_keep(&attempts, &report);
    cause.value = 4;
    ck_assert_int_eq(attempts.n, 1);
    ck_assert_int_eq(attempts.items[0].cause->value, 3);
    ck_assert_str_eq(attempts.items[0].outcomes[0].host, "vm0");
    ck_assert_int_eq(attempts.items[0].phases[1].end_ms, 9);
    attempts_free(&attempts);
    ck_assert_int_eq(attempts.n, 0);
}
END_TEST

START_TEST(the_newest_are_kept)
{
    struct attempts attempts = {0};

    for (int i = 0; i < ATTEMPTS_KEPT + 7; i++) {
        struct report report = make(i, NULL);

        attempts_keep(&attempts, &report);
    }
    ck_assert_int_eq(attempts.n, ATTEMPTS_KEPT);
    ck_assert_int_eq(attempts.items[0].attempt, 7);
    ck_assert_int_eq(attempts.items[attempts.n - 1].attempt, ATTEMPTS_KEPT + 6);
    attempts_free(&attempts);
}
END_TEST

UNIT_MAIN("attempts", what_is_kept_is_a_copy, the_newest_are_kept)
