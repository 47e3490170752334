/* A real keeper whose rank gives no sign: this test is the rank, or forks one that is stopped. */
#include "keeper_rig.h"

enum { TIMEOUT_MS = 400, SIGN_MS = 50, LONGER_MS = 3 * TIMEOUT_MS };

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
        if (!give_signs && seen.failed != NULL)
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
        raise(SIGSTOP);
        _exit(0);
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
        a_rank_that_gives_no_sign_is_told_on, a_rank_that_gives_signs_is_let_be,
        a_machine_alone_is_waited_for_by_nobody, a_rank_that_stays_silent_is_ended};

    return rig_run("silent_rank", tests, sizeof tests / sizeof tests[0]);
}
