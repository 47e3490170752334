/* What a rank does and says before the job is known: limits, early signals, its build. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "coord/hello.h"
#include "coord/launch.h"
#include "coord/signals.h"
#include "unit.h"

/* In a child: its own limit is changed. */
static int check_files_under(rlim_t soft)
{
    struct rlimit limit;
    struct err err = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = soft;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (launch_check_files(0, &err))
        return 1;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != (limit.rlim_max < FILE_LIMIT ? limit.rlim_max : FILE_LIMIT))
        return 2;
    limit.rlim_cur = limit.rlim_max = 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (launch_check_files(36, &err))
        return 3;
    if (!launch_check_files(37, &err) || err.code != EXIT_MACHINE)
        return 4;
    return strstr(err.text, "is 100, and 101 are needed") ? 0 : 5;
}

START_TEST(the_limit_of_open_files_is_raised)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (!pid)
        _exit(check_files_under(16));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/* In a child: the exit code is what signals_take tells. */
static int signal_after(int number, int watched)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (!pid) {
        struct err err = {0};

        signals_remember();
        raise(number);
        if (signals_open(&err))
            _exit(90);
        signals_hold();
        signals_watch(watched);
        _exit(signals_take());
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(an_early_signal_waits_for_its_meaning)
{
    ck_assert_int_eq(signal_after(SIGUSR1, SIGUSR1), SIGUSR1);
    ck_assert_int_eq(signal_after(SIGUSR2, SIGUSR2), SIGUSR2);
    ck_assert_int_eq(signal_after(SIGUSR1, SIGUSR2), 0);
    ck_assert_int_eq(signal_after(SIGUSR2, 0), 0);
}
END_TEST

START_TEST(another_build_is_named_and_refused)
{
    struct hello all[3];
    struct err err = {0};

    for (int r = 0; r < 3; r++)
        hello_make(&all[r], 100, 20);
    ck_assert_int_eq(hello_check(all, 3, &err), 0);
    strcpy(all[2].host, "vm2");
    all[2].build.sizes[1] = 24;
    ck_assert_int_eq(hello_check(all, 3, &err), -1);
    ck_assert_int_eq(err.code, EXIT_MACHINE);
    ck_assert_ptr_nonnull(strstr(err.text, "vm2 runs another build"));
}
END_TEST

START_TEST(the_opening_has_a_code_that_each_build_can_read)
{
    struct hello own, other;
    struct buf bytes = {0};
    int code;

    hello_make(&own, 100, 20);
    hello_make(&other, 100, 24);
    hello_sign(&bytes, &own.build, 5);
    buf_add(&bytes, "x", 1);
    ck_assert(!hello_verify(&bytes, &other.build, &code));
    ck_assert_int_eq(code, 5);
    ck_assert(hello_verify(&bytes, &own.build, &code));
    ck_assert_int_eq(code, 5);
    ck_assert_uint_eq(bytes.len, 1);
    ck_assert(!hello_verify(&bytes, &own.build, &code));
    ck_assert_int_eq(code, EXIT_MACHINE);
    buf_free(&bytes);
}
END_TEST

UNIT_MAIN("start", the_limit_of_open_files_is_raised, an_early_signal_waits_for_its_meaning,
          another_build_is_named_and_refused, the_opening_has_a_code_that_each_build_can_read)
