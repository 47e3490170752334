/* test_samplers: samplers that the launcher starts: with the trainers, not before; they and their
 * trainers leave together, or else it is said who did not.
 */
#include "keeper_rig.h"

START_TEST(test_they_run_with_the_trainers)
{
    make_slice(1, 2, "server: serve", "trainer: connect; touch trained; wait sampled", NULL);
    add_samplers(2, "sampler: wait trained; print sampling; touch sampled");
    start_keeper();
    send_two(MESSAGE_GO, STAGE_SERVERS, 0);
    until(seen.reached[STAGE_LISTENING]);
    ck_assert(!exists("logs/vm0.sampler-0.log"));
    send_two(MESSAGE_GO, STAGE_TRAINERS, 12345);
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 0);
    ck_assert_int_eq(outcome_of(ROLE_SAMPLER, 1)->exit_code, 0);
    ck_assert_ptr_nonnull(
        memmem(seen.output.data, seen.output.len, "[vm0 sampler 1] sampling\n", 25));
}
END_TEST

START_TEST(test_one_is_killed)
{
    make_slice(1, 1, "server: serve", "trainer: touch trained; forever", NULL);
    add_samplers(2, "sampler 1: wait trained; kill KILL");
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->id, 1);
    ck_assert_int_eq(seen.failed->how, HOW_SIGNALED);
    ck_assert_int_eq(seen.failed->code, 137);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->stopped, 1);
}
END_TEST

/* Who ends with 0 is no failure, but the trainers must follow. */
START_TEST(test_one_leaves_alone)
{
    make_slice(1, 1, "server: serve", "trainer: touch trained; forever", NULL);
    add_samplers(1, "sampler: wait trained; exit 0");
    slice->exit_timeout_ms = 1000; /* the least is 10 s */
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->how, HOW_LEFT_EARLY);
    ck_assert_int_eq(seen.failed->code, EXIT_LAUNCHER);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "sampler 0 left 10 s ago"));
}
END_TEST

START_TEST(test_they_outstay)
{
    make_slice(1, 1, "server: listen; wait go", "trainer: wait samples; touch go", NULL);
    add_samplers(2, "sampler: ignore TERM; touch samples; forever");
    slice->exit_timeout_ms = 200;
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 2);
    ck_assert_ptr_nonnull(strstr(seen.outcome.warnings.items[0].text, "sampler 0 (pid "));
    ck_assert_ptr_nonnull(strstr(seen.outcome.warnings.items[0].text, "and was stopped"));
    ck_assert_int_eq(outcome_of(ROLE_SAMPLER, 1)->signal, SIGKILL);
    ck_assert_int_eq(outcome_of(ROLE_SAMPLER, 1)->stopped, 1);
}
END_TEST

/* Who leaves after the trainers gives the others no more time, and no respite before KILL. */
START_TEST(test_one_outstays_the_other)
{
    const struct process_outcome *first, *last;

    make_slice(1, 1, "server: listen; wait go", "trainer: wait samples; touch go", NULL);
    add_samplers(2, "sampler 0: catch TERM; wait both; touch samples; await TERM' "
                    "'sampler: ignore TERM; touch both; forever");
    slice->exit_timeout_ms = 200;
    slice->kill_grace_ms = 5000;
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
    first = outcome_of(ROLE_SAMPLER, 0);
    last = outcome_of(ROLE_SAMPLER, 1);
    ck_assert_msg(first->exit_code == 0, "code %d, signal %d, after %lld ms", first->exit_code,
                  first->signal, (long long)(first->end_ms - first->start_ms));
    ck_assert_int_eq(last->signal, SIGKILL);
    ck_assert_int_lt(last->end_ms - first->end_ms, 10000); /* what a trainer's end is waited for */
}
END_TEST

/* Servers may leave a little before the last trainer; it is then not they who left early. */
START_TEST(test_one_outstays_the_servers)
{
    make_slice(1, 1, "server: listen; wait go; touch left",
               "trainer: wait samples; touch go; "
               "wait left",
               NULL);
    add_samplers(1, "sampler: touch samples; forever");
    slice->exit_timeout_ms = 11000; /* beyond the 10 s that servers have to leave together */
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 1);
    ck_assert_int_eq(outcome_of(ROLE_SAMPLER, 0)->signal, SIGTERM);
}
END_TEST

/* It frees a large graph, while a trainer is in an exit handler. */
START_TEST(test_a_server_that_needs_long_to_leave)
{
    make_slice(2, 1, "server 0: listen; wait go", "server 1: listen; wait go; sleep 10.3",
               "trainer: touch go; sleep 10.5", NULL);
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_they_run_with_the_trainers,
                                  test_one_is_killed,
                                  test_one_leaves_alone,
                                  test_they_outstay,
                                  test_one_outstays_the_other,
                                  test_one_outstays_the_servers,
                                  test_a_server_that_needs_long_to_leave};

    return rig_run("samplers", tests, sizeof(tests) / sizeof(tests[0]));
}
