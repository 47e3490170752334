/* unit: the main of every unit test program: one suite of one case, whose tests leave nothing, not
 * even those that fail, which Check ends before their own end.
 */
#ifndef UNIT_H
#define UNIT_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "keeper/keeper.h"

enum { UNIT_PATH = 64, UNIT_TIMEOUT_S = 120 };

static struct {
    const char *name;
    int pid; /* of the program, which forks a process for each test */
} unit;

static inline void unit_place(char path[UNIT_PATH], const char *in)
{
    snprintf(path, UNIT_PATH, "%s/test_%s.%d", in, unit.name, unit.pid);
}

/* A new folder for a test, below IN (/tmp or /dev/shm); it goes when all tests have run. */
static inline void unit_folder(char path[UNIT_PATH], const char *in)
{
    char place[UNIT_PATH];

    unit_place(place, in);
    ck_assert(mkdir(place, 0700) == 0 || errno == EEXIST);
    ck_assert_int_lt(snprintf(path, UNIT_PATH, "%s/XXXXXX", place), UNIT_PATH);
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static inline void unit_remove(const char *path)
{
    struct folder folder = {0};
    int fd = folder_find(&folder, AT_FDCWD, path, path);

    if (fd >= 0)
        close(fd);
    if (!folder_remove(&folder) || access(path, F_OK) == 0)
        fprintf(stderr, "'%s' could not be removed\n", path);
    folder_clear(&folder);
}

/* The whole text of a file in the folder; the caller frees. */
static inline char *unit_content(const char *folder, const char *name)
{
    char *path = file_join(folder, name);
    struct buf text = {0};
    struct err why = {0};

    ck_assert_msg(file_read(path, 1 << 28, &text, &why) == 0, "%s", why.text);
    buf_add(&text, "", 1);
    free(path);
    return text.data;
}

/* Ends what has come to this process, but for spared; 0: there is none. */
static inline void unit_end_all(pid_t spared)
{
    struct ending progress;

    ending_begin(&progress, clock_ms());
    while (keeper_clean_step(&progress, spared, NULL) == CLEANING)
        poll(NULL, 0, 5);
}

/* What the tests have started and not ended has come to this process. */
static inline void unit_leave_nothing(void)
{
    static const char *const places[] = {"/tmp", "/dev/shm"};
    char path[UNIT_PATH];

    unit_end_all(0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        unit_place(path, places[i]);
        unit_remove(path);
    }
}

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
/* It is to end by that signal each time. */
#define UNIT_RAISES(test, times, signal)                                                           \
    {                                                                                              \
        test, times, signal                                                                        \
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

    unit.name = name;
    unit.pid = (int)getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < n; i++)
        tcase_add_loop_test_raise_signal(tcase, tests[i].test, tests[i].signal, 0, tests[i].times);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, UNIT_TIMEOUT_S);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unit_leave_nothing();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Each test once. */
static inline int unit_run_plain(const char *name, void (*set_up)(void), const TTest *const *plain,
                                 size_t n)
{
    struct unit_test *tests = mem_calloc(n, sizeof(*tests));
    int code;

    for (size_t i = 0; i < n; i++)
        tests[i] = (struct unit_test){plain[i], 1, 0};
    code = unit_run(name, set_up, NULL, tests, n);
    free(tests);
    return code;
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
        const TTest *const tests[] = {__VA_ARGS__};                                                \
                                                                                                   \
        return unit_run_plain(name, NULL, tests, sizeof(tests) / sizeof(tests[0]));                \
    }

/* Writes text to root/path, and makes the folders above it. */
static inline void unit_put(const char *root, const char *path, const char *text)
{
    char *full = mem_printf("%s%s", root, path), *last = strrchr(full, '/');
    struct err err = {0};

    *last = '\0';
    ck_assert_int_eq(file_make_folders(full, 0755, &err), 0);
    *last = '/';
    ck_assert_msg(file_write(full, text, strlen(text), &err) == 0, "%s", err.text);
    free(full);
}

/* How often `what` stands in the text. */
static inline int unit_count(const char *text, const char *what)
{
    int n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

#endif
