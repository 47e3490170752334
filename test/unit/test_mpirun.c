/* test_mpirun: what is done with an mpirun that does not end, by what it waits for. Connections to
 * a machine that is gone need a network: test/system/test_signals.py and the kill matrix.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "keeper/mpirun.h"
#include "unit.h"

enum { WAIT_MS = 400 };

static pid_t mpirun;
static int pidfd, out[2];

static void fill_up(int fd)
{
    static const char bytes[4096];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
}

/* Its streams are a pipe that nobody reads from. */
static void begin(bool prints, int signal)
{
    ck_assert_int_eq(pipe(out), 0);
    mpirun = fork();
    ck_assert_int_ge(mpirun, 0);
    if (mpirun == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        if (prints)
            fill_up(STDOUT_FILENO);
        raise(signal);
        for (;;)
            pause();
    }
    pidfd = kernel_pidfd_open(mpirun);
}

/* How it has ended; 0: it lives. */
static int seen_off(void)
{
    int status = 0;

    mpirun_see_off(pidfd, mpirun, 1, WAIT_MS);
    if (poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 100) > 0) {
        waitpid(mpirun, &status, 0);
    } else {
        kill(mpirun, SIGKILL);
        waitpid(mpirun, NULL, 0);
    }
    close(pidfd);
    close(out[0]);
    close(out[1]);
    return status;
}

START_TEST(one_that_waits_for_nobody)
{
    begin(false, 0);
    ck_assert_int_eq(seen_off(), SIGKILL);
}
END_TEST

START_TEST(one_that_nobody_reads_from)
{
    begin(true, 0);
    ck_assert_int_eq(seen_off(), 0);
}
END_TEST

START_TEST(one_that_is_stopped)
{
    begin(false, SIGSTOP);
    ck_assert_int_eq(seen_off(), 0);
}
END_TEST

START_TEST(one_that_ends)
{
    begin(false, SIGUSR2);
    ck_assert_int_eq(seen_off(), SIGUSR2);
}
END_TEST

UNIT_MAIN("mpirun", one_that_waits_for_nobody, one_that_nobody_reads_from, one_that_is_stopped,
          one_that_ends)
