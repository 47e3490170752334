/* test_attempts: what is kept of earlier attempts, and that it is owned. */
#include <check.h>

#include "base/mem.h"
#include "coord/attempts.h"
#include "unit.h"

static const struct phase phases[] = {{"servers", 0, 5}, {"trainers", 5, 9}};

enum { MACHINES = 3 };

/* The end of an attempt on three machines; its outcomes are the test's to give away. */
static struct report make(int attempt, struct cause *cause)
{
    struct outcome *outcomes = mem_calloc(MACHINES, sizeof(*outcomes));

    for (int i = 0; i < MACHINES; i++) {
        outcomes[i].machine = i;
        outcomes[i].host = mem_printf("vm%d", i);
        warnings_add(&outcomes[i].warnings, "a warning", 1);
    }
    return (struct report){.attempt = attempt,
                           .phases = phases,
                           .n_phases = 2,
                           .outcomes = outcomes,
                           .n_outcomes = MACHINES,
                           .cause = cause};
}

START_TEST(of_the_machines_the_causes_is_kept)
{
    struct attempts attempts = {0};
    struct cause cause = {.how = HOW_EXITED, .machine = 1, .host = "vm1", .value = 3, .code = 3};
    struct report report = make(0, &cause), nowhere;

    attempts_keep(&attempts, &report);
    cause.value = 4;
    ck_assert_int_eq(attempts.n, 1);
    ck_assert_int_eq(attempts.items[0].cause->value, 3);
    ck_assert_int_eq(attempts.items[0].n_outcomes, 1);
    ck_assert_str_eq(attempts.items[0].outcomes[0].host, "vm1");
    cause.machine = -1;
    nowhere = make(1, &cause);
    attempts_keep(&attempts, &nowhere);
    ck_assert_int_eq(attempts.items[1].n_outcomes, 0);
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

UNIT_MAIN("attempts", of_the_machines_the_causes_is_kept, the_newest_are_kept)
