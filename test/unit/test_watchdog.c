/* test_watchdog: each test has a child, since the watchdog ends its process. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/watchdog.h"
#include "unit.h"

enum { SOON_MS = 20, NEVER_MS = 3600000, LEFT = 71 };

/* What the child does; it ends by the watchdog, or returns its exit code. */
typedef int (*child)(void);

static pid_t fork_child(child run, int stderr_fd)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (!pid) {
        dup2(stderr_fd, STDERR_FILENO);
        close(stderr_fd);
        _exit(run());
    }
    return pid;
}

static int code_of(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Returns the exit code; said: what came on stderr, NUL-terminated. */
static int run_child(child run, char *said, size_t size)
{
    size_t len = 0;
    ssize_t n;
    int ends[2];
    pid_t pid;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid = fork_child(run, ends[1]);
    close(ends[1]);
    while ((n = read(ends[0], said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    return code_of(pid);
}

static int hang(void)
{
    watchdog_begin(SOON_MS, 7, "%s waits for '%s'", "vm1", "a\x1b");
    while (pause() < 0)
        ;
    return 0;
}

START_TEST(what_hangs_is_said_and_ended)
{
    char said[1024];

    ck_assert_int_eq(run_child(hang, said, sizeof(said)), 7);
    ck_assert_str_eq(said, "dgl-mpilaunch: error: vm1 waits for 'a\\x1b'\n");
}
END_TEST

static int hang_long(void)
{
    static char path[20000];

    memset(path, 'x', sizeof(path) - 1);
    watchdog_begin(SOON_MS, 7, "%s", path);
    while (pause() < 0)
        ;
    return 0;
}

START_TEST(a_sentence_longer_than_a_pipe_takes_at_once_is_whole)
{
    static char said[30000];

    ck_assert_int_eq(run_child(hang_long, said, sizeof(said)), 7);
    ck_assert_uint_eq(strlen(said), strlen("dgl-mpilaunch: error: \n") + 19999);
}
END_TEST

static _Noreturn void leave(int code)
{
    _exit(code == 7 ? LEFT : 0);
}

static int hang_and_leave(void)
{
    watchdog_leave_by(leave);
    return hang();
}

static void check_nobody_reads(int stderr_fd)
{
    pid_t pid = fork_child(hang_and_leave, stderr_fd);

    ck_assert_int_eq(code_of(pid), LEFT);
}

START_TEST(a_full_pipe_does_not_keep_it)
{
    int ends[2];
    char page[4096] = {0};

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    while (write(ends[1], page, sizeof(page)) > 0)
        ;
    ck_assert_int_eq(fcntl(ends[1], F_SETFL, 0), 0);
    check_nobody_reads(ends[1]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_closed_stderr_does_not_keep_it)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    check_nobody_reads(fd);
    close(fd);
}
END_TEST

/* 0 means no time-out. */
static int end_in_time(void)
{
    for (int i = 0; i < 3; i++) {
        watchdog_begin(i ? NEVER_MS : SOON_MS * 500, 7, "ended in time");
        watchdog_end();
    }
    watchdog_begin(0, 7, "no time-out");
    poll(NULL, 0, 5 * SOON_MS);
    watchdog_end();
    return LEFT;
}

START_TEST(what_ends_in_time_goes_on)
{
    char said[1024];

    ck_assert_int_eq(run_child(end_in_time, said, sizeof(said)), LEFT);
    ck_assert_str_eq(said, "");
}
END_TEST

/* The second watchdog has a deadline of its own. */
static int hang_the_second_time(void)
{
    watchdog_begin(NEVER_MS, 8, "first");
    watchdog_end();
    return hang();
}

START_TEST(a_later_deadline_is_its_own)
{
    char said[1024];

    ck_assert_int_eq(run_child(hang_the_second_time, said, sizeof(said)), 7);
    ck_assert_ptr_null(strstr(said, "first"));
}
END_TEST

START_TEST(the_shorter_is_that_which_there_is)
{
    ck_assert_int_eq(watchdog_shorter(0, 0), 0);
    ck_assert_int_eq(watchdog_shorter(0, 5), 5);
    ck_assert_int_eq(watchdog_shorter(5, 0), 5);
    ck_assert_int_eq(watchdog_shorter(5, 6), 5);
    ck_assert_int_eq(watchdog_shorter(6, 5), 5);
}
END_TEST

UNIT_MAIN("watchdog", what_hangs_is_said_and_ended,
          a_sentence_longer_than_a_pipe_takes_at_once_is_whole, a_full_pipe_does_not_keep_it,
          a_closed_stderr_does_not_keep_it, what_ends_in_time_goes_on, a_later_deadline_is_its_own,
          the_shorter_is_that_which_there_is)
