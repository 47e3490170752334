/* test_rank: a real keeper whose rank leaves, dies, gives no sign, or sends nonsense. This test is
 * the rank, or forks one that is stopped; or it is the rank of a keeper that is killed.
 */
#include "keeper_rig.h"

enum { TIMEOUT_MS = 400, SIGN_MS = 50, LONGER_MS = 3 * TIMEOUT_MS };

/* The keeper has ended by itself, and had nothing to say. */
static void leaves_in_silence(void)
{
    int status;

    ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
    ck_assert_int_eq(status, 0);
    ck_assert(!exists("logs/vm0.launcher.log"));
    slice_free(slice);
}

START_TEST(test_the_rank_leaves_with_its_last_word)
{
    make_slice(0, 1, "trainer: print x", NULL);
    go_until_trainers();
    until(seen.reached[STAGE_ENDED]);
    send_two(MESSAGE_GO, STAGE_DRAIN, 0);
    until(seen.reached[STAGE_OVER]);
    kill(keeper.pid, SIGSTOP); /* it reads both at once */
    send_frame(MESSAGE_LEAVE, NULL, 0);
    close(keeper.fd);
    kill(keeper.pid, SIGCONT);
    leaves_in_silence();
}
END_TEST

START_TEST(test_a_keeper_answers)
{
    make_slice(1, 1, NULL);
    start_keeper();
    send_frame(MESSAGE_PING, NULL, 0);
    until(seen.answered);
    send_two(MESSAGE_STOP, 0, 0);
    finish();
}
END_TEST

START_TEST(test_rank_dies)
{
    int status;
    char *log;

    make_slice(1, 2, "trainer: fork daemon stubborn; fork worker; touch here; connect; forever",
               NULL);
    go_until_trainers();
    until(exists("here"));
    ck_assert_int_gt(left_over(), 2);
    close(keeper.fd);
    ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(left_over(), 0);
    scribe_leave(&scribe, PATIENCE_MS); /* what the keeper has handed over is written */
    log = content("logs/vm0.launcher.log");
    ck_assert_ptr_nonnull(strstr(log, "vm0: the rank of this machine has died"));
    free(log);
    slice_free(slice);
}
END_TEST

/* A second Ctrl-C kills the rank while it ends the job; Open MPI kills it in any case. */
static int64_t stop_and_die(const char *trainer, const char *ready, int grace_ms)
{
    int64_t start;
    int status;

    make_slice(0, 1, trainer, NULL);
    slice->kill_grace_ms = grace_ms;
    go_until_trainers();
    until(exists(ready));
    send_two(MESSAGE_STOP, 0, 0);
    start = clock_ms();
    close(keeper.fd);
    ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
    ck_assert_int_eq(left_over(), 0);
    slice_free(slice);
    return clock_ms() - start;
}

START_TEST(test_rank_dies_while_it_stops)
{
    ck_assert_int_lt(stop_and_die("trainer: ignore TERM; touch one; forever", "one", 600000),
                     PATIENCE_MS);
    escalates = true;
    ck_assert_int_ge(stop_and_die("trainer: ignore TERM; touch two; forever", "two", 500), 490);
}
END_TEST

START_TEST(test_rank_dies_before_start)
{
    make_slice(1, 1, NULL);
    start_keeper();
    close(keeper.fd);
    leaves_in_silence();
}
END_TEST

START_TEST(test_keeper_killed)
{
    int status, fd;

    make_slice(1, 1, "trainer: fork daemon stubborn; touch here; forever", NULL);
    go_until_trainers();
    until(exists("here"));
    kill(keeper.pid, SIGKILL);
    ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
    unit_end_all(scribe.pid);
    ck_assert_int_eq(left_over(), 0);
    fd = folder_open(&seen.job_dir);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(folder_remove(&seen.job_dir)); /* as the rank does */
    ck_assert_int_ne(access(seen.job_dir.path, F_OK), 0);
    slice_free(slice);
}
END_TEST

/* Bytes that no rank sends. */
static const struct {
    const char *bytes;
    size_t len;
} odd_frames[] = {
#define FRAME(bytes)                                                                               \
    {                                                                                              \
        bytes, sizeof(bytes) - 1                                                                   \
    }
    FRAME("\0\0\0\0\0\0\0\0"),                   /* no type */
    FRAME("\xff\xff\xff\xff\0\0\0\0"),           /* an unknown one */
    FRAME("\1\0\0\0\xff\xff\xff\xff"),           /* 4 GiB are to follow */
    FRAME("\x0d\0\0\0\0\0\0\0"),                 /* an outcome: wrong way */
    FRAME("\1\0\0\0\4\0\0\0\xff\xff\xff\xff"),   /* a plan that is none */
    FRAME("\2\0\0\0\x8\0\0\0\x9\0\0\0\0\0\0\0"), /* GO to nowhere */
    FRAME("\2\0\0\0\x8\0\0\0\1\0\0\0\0\0\1\0"),  /* GO with MASTER_PORT 65536 */
    FRAME("\3\0\0\0\1\0\0\0\1"),                 /* STOP, cut */
    FRAME("\4\0\0\0\0\0\0\0"),                   /* no CREDIT in it */
    FRAME("GET / HTTP/1.1\r\n\r\n"),
};

START_TEST(test_odd_frames)
{
    for (size_t i = 0; i < sizeof(odd_frames) / sizeof(odd_frames[0]); i++) {
        make_slice(0, 1, NULL);
        start_keeper();
        ck_assert_int_eq(write(keeper.fd, odd_frames[i].bytes, odd_frames[i].len),
                         (ssize_t)odd_frames[i].len);
        finish();
        ck_assert_msg(seen.outcome.cause, "frame %zu", i);
        ck_assert_int_eq(seen.outcome.cause->how, HOW_LAUNCHER);
        forget();
    }
}
END_TEST

START_TEST(test_malformed)
{
    make_slice(0, 1, NULL);
    start_keeper();
    send_frame(MESSAGE_GO, "x", 1);
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_LAUNCHER);
}
END_TEST

/* ---- a rank that gives no sign ---- */

static void make_job(int machines)
{
    make_slice(1, 1, "server: serve", "trainer: connect; touch up; forever", NULL);
    slice->machines = machines;
    slice->lost_timeout_ms = TIMEOUT_MS;
}

static void wait_longer(bool give_signs)
{
    int64_t end = clock_ms() + LONGER_MS;

    while (clock_ms() < end) {
        struct pollfd entry = {.fd = keeper.fd, .events = POLLIN};

        if (give_signs)
            send_frame(MESSAGE_PING, NULL, 0);
        if (poll(&entry, 1, SIGN_MS) > 0)
            read_frames();
        if (!give_signs && seen.failed)
            return;
    }
}

START_TEST(a_rank_that_gives_no_sign_is_told_on)
{
    make_job(2);
    go_until_trainers();
    wait_longer(false);
    ck_assert_ptr_nonnull(seen.failed);
    ck_assert_int_eq(seen.failed->how, HOW_LAUNCHER);
    ck_assert_int_eq(seen.failed->code, EXIT_LAUNCHER);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "has given no sign for 0.4 s"));
    finish(); /* it speaks again, and is not ended */
}
END_TEST

START_TEST(a_rank_that_gives_signs_is_let_be)
{
    make_job(2);
    go_until_trainers();
    wait_longer(true);
    ck_assert_ptr_null(seen.failed);
    send_two(MESSAGE_STOP, 0, 0);
    finish();
}
END_TEST

/* Who has stopped the only rank may let it go on. */
START_TEST(a_machine_alone_is_waited_for_by_nobody)
{
    make_job(1);
    go_until_trainers();
    until(exists("up"));
    wait_longer(false);
    ck_assert_ptr_null(seen.failed);
    send_two(MESSAGE_STOP, 0, 0);
    finish();
}
END_TEST

START_TEST(a_rank_that_stays_silent_is_ended)
{
    int status, null = open("/dev/null", O_RDWR);
    pid_t rank = fork();

    ck_assert_int_ge(rank, 0);
    if (rank == 0) {
        dup2(null, STDERR_FILENO); /* the keeper's sentence */
        make_job(2);
        go_until_trainers();
        signal(SIGALRM, SIG_IGN); /* it is woken up to hear that, and does not obey */
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    ck_assert_int_eq(waitpid(rank, &status, 0), rank);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (int64_t end = clock_ms() + PATIENCE_MS; left_over() > 0;) {
        ck_assert_int_lt(clock_ms(), end);
        poll(NULL, 0, SIGN_MS);
    }
    close(null);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_a_keeper_answers,
        test_the_rank_leaves_with_its_last_word,
        test_rank_dies,
        test_rank_dies_while_it_stops,
        test_rank_dies_before_start,
        test_keeper_killed,
        test_malformed,
        test_odd_frames,
        a_rank_that_gives_no_sign_is_told_on,
        a_rank_that_gives_signs_is_let_be,
        a_machine_alone_is_waited_for_by_nobody,
        a_rank_that_stays_silent_is_ended,
    };

    return rig_run("rank", tests, sizeof(tests) / sizeof(tests[0]));
}
