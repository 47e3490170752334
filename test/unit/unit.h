/* unit: the main of every unit test program: one suite of one case. */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <stdlib.h>

struct unit_test {
    const TTest *test;
    int times;  /* with _i from 0 on */
    int signal; /* that is to end it; 0: none */
};

#define UNIT(test)                                                                                 \
    {                                                                                              \
        test, 1, 0                                                                                 \
    }
#define UNIT_LOOP(test, times)                                                                     \
    {                                                                                              \
        test, times, 0                                                                             \
    }
#define UNIT_EACH(test, table)                                                                     \
    {                                                                                              \
        test, (int)(sizeof(table) / sizeof((table)[0])), 0                                         \
    }

static inline int unit_run(const char *name, void (*set_up)(void), void (*tear_down)(void),
                           const struct unit_test *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    for (size_t i = 0; i < n; i++)
        tcase_add_loop_test_raise_signal(tcase, tests[i].test, tests[i].signal, 0, tests[i].times);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The functions may be NULL; behind them UNIT(test) and its kin. */
#define UNIT_MAIN_WITH(name, set_up, tear_down, ...)                                               \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct unit_test tests[] = {__VA_ARGS__};                                            \
                                                                                                   \
        return unit_run(name, set_up, tear_down, tests, sizeof(tests) / sizeof(tests[0]));         \
    }

#define UNIT_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const plain[] = {__VA_ARGS__};                                                \
        struct unit_test tests[sizeof(plain) / sizeof(plain[0])];                                  \
        size_t n = 0;                                                                              \
                                                                                                   \
        for (; n < sizeof(plain) / sizeof(plain[0]); n++)                                          \
            tests[n] = (struct unit_test){plain[n], 1, 0};                                         \
        return unit_run(name, NULL, NULL, tests, n);                                               \
    }

#endif
