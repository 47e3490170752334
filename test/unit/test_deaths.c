/* test_deaths: a keeper's judgement of what dies below its children: samplers, what else, children
 * that are stopped; and what it says of a child's own end.
 */
#include "keeper/pipes.h"
#include "keeper/proc.h"
#include "keeper/program.h"
#include "keeper_rig.h"

/* Seconds of a sampler's life, in which the keeper must have looked at it. */
#ifdef __SANITIZE_ADDRESS__
#define LIVES "5"
#else
#define LIVES "2"
#endif

static void go_with_samplers(const char *script, const char *other)
{
    make_slice(0, other ? 2 : 1, script, other, NULL);
    slice->watch_samplers = 1;
    go_until_trainers();
}

static bool warned(const char *words)
{
    for (size_t i = 0; i < seen.outcome.warnings.n; i++) {
        if (strstr(seen.outcome.warnings.items[i].text, words))
            return true;
    }
    return false;
}

START_TEST(a_killed_sampler_fails_the_job_at_once)
{
    go_with_samplers("trainer: print working; worker sleep " LIVES ", kill SEGV; forever", NULL);
    until(seen.failed);
    ck_assert_int_lt(seen.failed->age_ms, 4000); /* its trainer would have 5 s to collect it */
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->id, -1);
    ck_assert_int_eq(seen.failed->how, HOW_SIGNALED);
    ck_assert_int_eq(seen.failed->value, SIGSEGV);
    ck_assert_int_eq(seen.failed->code, 139);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "trainer 0 (pid "));
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "1800 s"));
    ck_assert_str_eq(seen.failed->last_lines.items[0], "working");
    finish();
}
END_TEST

/* Collected or not. */
START_TEST(a_killed_sampler_that_is_collected_fails_the_job_too)
{
    go_with_samplers("trainer: ignore CHLD; worker sleep " LIVES ", kill KILL; forever", NULL);
    finish();
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->code, 137);
}
END_TEST

START_TEST(a_sampler_that_exits_badly_fails_the_job_later)
{
    int64_t start = clock_ms();

    go_with_samplers(
        "trainer: worker sleep " LIVES ", exit 3; worker sleep " LIVES ".1, exit 0; forever", NULL);
    until(seen.failed);
    ck_assert_int_gt(clock_ms() - start, 5000);
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->how, HOW_EXITED);
    ck_assert_int_eq(seen.failed->code, 3);
    ck_assert_int_ge(seen.failed->age_ms, 4900);
    finish();
}
END_TEST

START_TEST(a_terminated_sampler_fails_the_job_later)
{
    go_with_samplers("trainer: worker sleep " LIVES ", kill TERM; forever", NULL);
    finish();
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->code, 143);
}
END_TEST

/* A trainer that ends its own pool. */
START_TEST(a_collected_sampler_is_no_failure)
{
    go_with_samplers("trainer 0: ignore CHLD; worker sleep 2, kill TERM; worker sleep 2.1, exit 1; "
                     "sleep 8",
                     "trainer 1: worker sleep 2, exit 2; sleep 3.5");
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert(!warned("SIGTERM"));
}
END_TEST

START_TEST(the_switch_is_off)
{
    make_slice(0, 1, "trainer: worker sleep 2, kill SEGV; sleep 3.5", NULL);
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert(warned(", started by trainer 0, was killed by SIGSEGV"));
}
END_TEST

static void run_in_shell(const char *command, int samplers)
{
    make_slice(0, 1, NULL);
    strv_free(&slice->argv);
    slice->command = mem_printf("%s", command);
    slice->watch_samplers = samplers;
    strv_add(&slice->processes[0].env, "TORCHELASTIC_ERROR_FILE={job_dir}/error-trainer-0.json");
    go_until_trainers();
}

START_TEST(below_a_shell_too)
{
    char *command =
        mem_printf("%s 'trainer: worker sleep " LIVES ", kill BUS; forever'; true", fake);

    run_in_shell(command, 1);
    finish();
    ck_assert_int_eq(seen.failed->role, ROLE_SAMPLER);
    ck_assert_int_eq(seen.failed->code, 135);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "/dev/shm "));
    free(command);
}
END_TEST

START_TEST(others_are_lines_of_the_report)
{
    run_in_shell("for i in 1 2 3; do sh -c 'sleep 0.4; exit 9' & done; "
                 "sh -c 'sleep 0.5; kill -TERM $$' & "
                 "sh -c 'sleep 0.4; kill -SEGV $$' & sleep 1.5",
                 1);
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 2);
    ck_assert(warned("exited with code 9, and 2 more like it"));
    ck_assert(warned("was killed by SIGSEGV"));
}
END_TEST

START_TEST(many_kinds_are_counted)
{
    run_in_shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do sh -c \"sleep 0.4; exit $i\" & done; "
                 "sleep 1.5",
                 1);
    drain();
    ck_assert_uint_eq(seen.outcome.warnings.n, 11);
    ck_assert(warned("3 more descendants"));
}
END_TEST

START_TEST(an_error_file_gives_the_exception)
{
    run_in_shell("echo '{\"message\": {\"message\": \"ValueError: no\"}}' > "
                 "$TORCHELASTIC_ERROR_FILE; exit 1",
                 0);
    finish();
    ck_assert_int_eq(seen.failed->code, 1);
    ck_assert_str_eq(seen.failed->exception, "ValueError: no");
}
END_TEST

static bool told(const char *words)
{
    return seen.notices.len > 0 &&
           memmem(seen.notices.data, seen.notices.len, words, strlen(words));
}

/* The trainer; what removes the folders of dead jobs may be there too. */
static pid_t child_of_keeper(void)
{
    struct procs below = {0};
    pid_t pid = 0;

    proc_below(keeper.pid, &below);
    for (size_t i = 0; i < below.n; i++) {
        if (strcmp(below.items[i].name, "fake") == 0)
            pid = below.items[i].pid;
    }
    procs_free(&below);
    ck_assert_int_gt(pid, 1);
    return pid;
}

START_TEST(a_stopped_child_is_told)
{
    pid_t pid;

    make_slice(0, 1, "trainer: touch up; sleep 3", NULL);
    go_until_trainers();
    until(exists("up"));
    pid = child_of_keeper();
    kill(pid, SIGSTOP);
    until(told("trainer 0 on vm0 (pid ") && told("is stopped by SIGSTOP"));
    kill(pid, SIGCONT);
    until(told("continues"));
    drain();
    ck_assert_ptr_null(seen.failed);
}
END_TEST

/* ---- core dumps ---- */

static void allow_cores(void)
{
    struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};

    getrlimit(RLIMIT_CORE, &most);
    most.rlim_cur = most.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_CORE, &most), 0);
}

/* Its sockets and pipes close 0.1 s and more before it is a zombie. */
START_TEST(who_dumps_core_died_first)
{
    allow_cores();
    make_slice(0, 2, "trainer 0: hold pipe; allocate 300; wait pipe.open; crash SEGV",
               "trainer 1: lose pipe; exit 9", NULL);
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->id, 0);
    ck_assert_int_eq(seen.failed->how, HOW_SIGNALED);
    ck_assert_int_eq(seen.failed->value, SIGSEGV);
}
END_TEST

/* On another machine: this one is told to stop while it dumps. */
START_TEST(who_dumps_core_when_told_to_stop_died_before)
{
    allow_cores();
    make_slice(0, 2, "trainer 0: hold pipe; allocate 300; wait pipe.open; crash SEGV",
               "trainer 1: lose pipe; touch lost; forever", NULL);
    go_until_trainers();
    until(exists("lost"));
    send_two(MESSAGE_STOP, 0, 0);
    finish();
    ck_assert_ptr_nonnull(seen.failed);
    ck_assert_int_eq(seen.failed->id, 0);
    ck_assert_int_eq(seen.failed->code, 139);
    ck_assert_int_ge(seen.failed->age_ms, 900);
}
END_TEST

START_TEST(what_is_stopped_dumps_no_core)
{
    allow_cores();
    make_slice(0, 2, "trainer 0: catch TERM; touch up; await TERM; crash ABRT",
               "trainer 1: wait up; exit 3", NULL);
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->code, 3);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->signal, SIGABRT);
    ck_assert(!exists("core"));
}
END_TEST

/* The keeper may see a Python dead in /proc before it has read what that Python has told of its
 * end: 141 of a BrokenPipeError, where the kernel shows 1. */
START_TEST(what_a_python_has_told_of_its_end_counts)
{
    static const struct process_plan plan = {.role = ROLE_TRAINER};
    struct child child = {.plan = &plan, .running = true, .pipe = 3};
    struct machine m = {.stage = STAGE_TRAINERS, .n = 1, .children = &child};
    struct proc shell;
    int told[2], kept[2];

    ck_assert_int_eq(pipe(told) + pipe(kept), 0);
    child.pid = fork();
    if (child.pid == 0) {
        dup2(kept[0], STDIN_FILENO);
        execl("/bin/sh", "sh", "-c", "read -r line; exit 0", (char *)NULL);
        _exit(127);
    }
    while (proc_read(child.pid, &shell) || !program_is_shell(&shell))
        poll(NULL, 0, 1);
    m.hooked.fd = told[0];
    dprintf(told[1], "ended 0 4711 %d 5 5 141 1\n", child.pid);
    pipes_ended(
        &m, 0,
        &(struct watch_death){
            .pid = 4711, .start = 1, .parent = child.pid, .top = child.pid, .status = 1 << 8});
    ck_assert_int_eq(child.unread, 4711);
    ck_assert_int_eq(child.piped.pid, 0);
    dprintf(kept[1], "\n");
    waitpid(child.pid, NULL, 0);
    for (int i = 0; i < 2; i++) {
        close(told[i]);
        close(kept[i]);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_killed_sampler_fails_the_job_at_once,
        a_killed_sampler_that_is_collected_fails_the_job_too,
        a_sampler_that_exits_badly_fails_the_job_later,
        a_terminated_sampler_fails_the_job_later,
        a_collected_sampler_is_no_failure,
        the_switch_is_off,
        below_a_shell_too,
        others_are_lines_of_the_report,
        many_kinds_are_counted,
        an_error_file_gives_the_exception,
        a_stopped_child_is_told,
        who_dumps_core_died_first,
        who_dumps_core_when_told_to_stop_died_before,
        what_is_stopped_dumps_no_core,
        what_a_python_has_told_of_its_end_counts,
    };

    return rig_run("deaths", tests, sizeof(tests) / sizeof(tests[0]));
}
