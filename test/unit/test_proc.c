/* test_proc: descendants out of group and session, orphans, a fork bomb, and strangers that must
 * not be hit. Each test runs in a process of its own (CK_FORK), which is made a subreaper.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/proc.h"

enum { PATIENCE_MS = 20000 };

/* Not quite: what a failed test leaves behind ends by itself. */
static _Noreturn void sleep_for_ever(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(3 * PATIENCE_MS / 1000);
    for (;;)
        pause();
}

/* Reaps until nobody is left. */
static void wait_empty(void)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = proc_reap(&status, &usage)) >= 0) {
        ck_assert_msg(clock_ms() < end, "something is left");
        if (pid == 0) {
            proc_kill_all();
            poll(NULL, 0, 5);
        }
    }
}

static size_t count_below(void)
{
    struct procs below = {0};
    size_t n, live = 0;

    proc_below(getpid(), &below);
    for (n = 0; n < below.n; n++)
        live += !below.items[n].zombie;
    procs_free(&below);
    return live;
}

static void wait_count(size_t want)
{
    int64_t end = clock_ms() + PATIENCE_MS;

    while (count_below() != want) {
        ck_assert_msg(clock_ms() < end, "%zu live, not %zu", count_below(), want);
        poll(NULL, 0, 5);
    }
}

/* orphan: its parent has ended when this returns. */
static void fork_deaf(int session, int orphan)
{
    pid_t pid = fork();

    if (pid != 0) {
        if (orphan)
            waitpid(pid, NULL, 0);
        return;
    }
    if (session)
        setsid();
    if (orphan && fork() != 0)
        _exit(0);
    sleep_for_ever();
}

START_TEST(test_orphans_and_sessions)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGTERM, SIG_IGN);
    fork_deaf(0, 0);
    fork_deaf(1, 0);
    fork_deaf(1, 1);
    wait_count(3);
    ck_assert_int_eq(proc_sweep(SIGTERM, NULL, 0), 3);
    ck_assert_uint_eq(count_below(), 3);
    ck_assert_int_eq(proc_kill_all(), 3);
    wait_empty();
    ck_assert_uint_eq(count_below(), 0);
}
END_TEST

START_TEST(test_stopped_hears_term)
{
    struct rusage usage;
    int status, rc;
    pid_t pid;

    signal(SIGTERM, SIG_DFL); /* Check's handler would pass it on to the group */
    pid = fork();
    if (pid == 0)
        sleep_for_ever();
    kill(pid, SIGSTOP);
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert_int_eq(proc_sweep(SIGTERM, NULL, 0), 1);
    while ((rc = proc_reap(&status, &usage)) == 0)
        poll(NULL, 0, 5);
    ck_assert_int_eq(rc, pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    ck_assert_int_eq(proc_reap(&status, &usage), -1);
}
END_TEST

/* Each child forks again as soon as it lives, and its parent ends: no look sees them all. */
START_TEST(test_moving_bomb)
{
    int64_t end = clock_ms() + 2 * PATIENCE_MS; /* of what a failed test leaves behind */

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 4; i++) {
        if (fork() != 0)
            continue;
        while (clock_ms() < end) {
            if (fork() > 0)
                _exit(0);
            setsid();
        }
        _exit(0);
    }
    poll(NULL, 0, 50);
    wait_empty();
    ck_assert_uint_eq(count_below(), 0);
}
END_TEST

static rlim_t core_limit(pid_t pid)
{
    struct rlimit limit = {0};

    ck_assert_int_eq(prlimit(pid, RLIMIT_CORE, NULL, &limit), 0);
    return limit.rlim_cur;
}

/* One that waits for a slow file server uses no CPU time to speak of. */
START_TEST(what_sleeps_and_wakes_switches)
{
    struct timespec nap = {.tv_nsec = 1000000};
    unsigned long long before;
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            nanosleep(&nap, NULL);
    }
    before = proc_switches(pid);
    for (int64_t end = clock_ms() + PATIENCE_MS; proc_switches(pid) <= before + 10;)
        ck_assert_int_lt(clock_ms(), end);
    wait_empty();
    ck_assert_uint_eq(proc_switches(pid), 0);
}
END_TEST

START_TEST(test_strangers)
{
    struct procs below = {0};
    struct proc other = {.pid = 1};
    struct rlimit core = {.rlim_cur = 0};
    pid_t pid;

    ck_assert_int_eq(proc_signal(&other, 0), -1);
    other.pid = 0;
    ck_assert_int_eq(proc_signal(&other, 0), -1);
    other.pid = -1;
    ck_assert_int_eq(proc_signal(&other, 0), -1);

    core.rlim_max = 8;
    ck_assert_int_eq(setrlimit(RLIMIT_CORE, &core), 0);
    pid = fork();
    if (pid == 0)
        sleep_for_ever();
    proc_below(getpid(), &below);
    ck_assert_uint_eq(below.n, 1);
    ck_assert_int_eq(below.items[0].pid, pid);
    other = below.items[0];
    other.start--; /* an earlier process with this pid */
    ck_assert_int_eq(proc_signal(&other, SIGKILL), -1);
    ck_assert_int_eq(proc_signal(&below.items[0], 0), 0);
    ck_assert_int_eq(proc_end(&other, SIGKILL), -1);
    ck_assert_uint_eq(core_limit(pid), 0);
    ck_assert_int_eq(proc_end(&below.items[0], 0), 0);
    ck_assert_uint_eq(core_limit(pid), 1);
    procs_free(&below);
    wait_empty();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proc");
    TCase *tcase = tcase_create("proc");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_orphans_and_sessions);
    tcase_add_test(tcase, test_stopped_hears_term);
    tcase_add_test(tcase, test_moving_bomb);
    tcase_add_test(tcase, test_strangers);
    tcase_add_test(tcase, what_sleeps_and_wakes_switches);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
