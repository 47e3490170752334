/* test_keeper: good runs, and each way in which a machine's part of the job fails; afterwards
 * nothing lives.
 */
#include <netinet/in.h>

#include "keeper_rig.h"

START_TEST(test_good_run)
{
    char *dump, *log;

    make_slice(2, 2, "server: print serving; serve; print done",
               "trainer: dump d; connect; print hi", NULL);
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_ptr_null(seen.outcome.cause);
    ck_assert_uint_eq(seen.outcome.warnings.n, 0);
    ck_assert_int_eq(seen.outcome.n_processes, 4);
    ck_assert_int_eq(outcome_of(ROLE_SERVER, 1)->exit_code, 0);
    ck_assert_int_ge(outcome_of(ROLE_SERVER, 1)->ready_ms, 0);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->exit_code, 0);
    ck_assert_int_gt(outcome_of(ROLE_TRAINER, 0)->max_rss_kb, 0);
    ck_assert_ptr_nonnull(memmem(seen.output.data, seen.output.len, "[vm0 trainer 1] hi\n", 19));
    ck_assert_ptr_nonnull(memmem(seen.output.data, seen.output.len, "[vm0 server 0] done\n", 20));
    ck_assert_int_eq(seen.waiting.role, ROLE_TRAINER);
    ck_assert_int_eq(seen.waiting.of, 2);
    ck_assert_int_eq(seen.waiting.left, 0);
    dump = content("d.trainer-0");
    ck_assert_ptr_nonnull(strstr(dump, "\"MASTER_PORT\": \"12345\""));
    ck_assert_ptr_nonnull(strstr(dump, "\"fds\": {\"0\": \"/dev/null\", \"1\": \"pipe:"));
    ck_assert_ptr_null(strstr(dump, "\"3\":"));
    log = content("logs/vm0.server-0.log");
    ck_assert_str_eq(log, "serving\ndone\n");
    free(dump);
    free(log);
}
END_TEST

static int64_t private_kb_now(void)
{
    send_two(MESSAGE_ASK, 1, 0);
    return seen.state.n_processes > 1 && seen.state.processes[1].now
               ? seen.state.processes[1].now->used.private_kb
               : 0;
}

START_TEST(test_samples)
{
    const struct process_outcome *trainer;
    char *go = mem_printf("%s/go", folder);
    struct err err = {0};

    make_slice(1, 1, "server: serve", "trainer: connect; print hi; allocate 30; wait go", NULL);
    slice->sample_ms = 20;
    go_until_trainers();
    until(private_kb_now() >= 30 << 10);
    trainer = &seen.state.processes[1];
    ck_assert_str_eq(trainer->now->line, "hi");
    ck_assert_int_eq(trainer->now->used.processes, 1);
    ck_assert_int_eq(trainer->exit_code, -1);
    ck_assert_int_eq(trainer->max_rss_kb, -1);
    ck_assert_int_eq(file_write(go, "", 0, &err), 0);
    free(go);
    drain();
    trainer = outcome_of(ROLE_TRAINER, 0);
    ck_assert_int_ge(trainer->peak.private_kb, 30 << 10);
    ck_assert_int_ge(trainer->peak.rss_kb, trainer->peak.private_kb);
    ck_assert_int_eq(trainer->peak.processes, 1);
    ck_assert_int_ge(trainer->peak.files, 3);
    ck_assert_int_gt(outcome_of(ROLE_SERVER, 0)->peak.threads, 0);
    ck_assert_ptr_null(trainer->now);
    ck_assert_int_gt(seen.outcome.memory_kb, 0);
    ck_assert_int_ge(seen.outcome.curve.n, 1);
}
END_TEST

/* Whoever has not ended is told, with its pid, when the others have. */
START_TEST(test_awaited_trainers)
{
    char *path = mem_printf("%s/go", folder);
    struct err err;

    make_slice(0, 3, "trainer 1: wait go; exit 0", "trainer: exit 0", NULL);
    go_until_trainers();
    until(seen.waiting.role == ROLE_TRAINER && seen.waiting.left == 1);
    ck_assert_int_eq(seen.waiting.of, 3);
    ck_assert_int_eq(seen.waiting.n, 1);
    ck_assert_int_eq(seen.waiting.items[0].id, 1);
    ck_assert_int_gt(seen.waiting.items[0].pid, 1);
    ck_assert_int_eq(seen.waiting.items[0].silent_ms, -1);
    ck_assert_int_eq(file_write(path, "", 0, &err), 0);
    free(path);
    drain();
    ck_assert_int_eq(seen.waiting.left, 0);
}
END_TEST

START_TEST(test_no_servers)
{
    make_slice(0, 2, "any: print x", NULL);
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
}
END_TEST

START_TEST(test_trainer_exits_3)
{
    make_slice(1, 2, "trainer 1: connect; lines 30 20; printerr the end; exit 3",
               "trainer 0: connect; fork daemon stubborn; forever", NULL);
    go_until_trainers();
    until(seen.failed);
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_EXITED);
    ck_assert_int_eq(seen.failed->code, 3);
    ck_assert_int_eq(seen.failed->role, ROLE_TRAINER);
    ck_assert_int_eq(seen.failed->id, 1);
    ck_assert_uint_eq(seen.failed->last_lines.n, 20);
    ck_assert_str_eq(seen.failed->last_lines.items[19], "the end");
    ck_assert_ptr_nonnull(seen.failed->log);
    ck_assert_int_eq(seen.outcome.cause->code, 3);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->stopped, 1);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->signal, SIGTERM);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 1)->stopped, 0);
}
END_TEST

START_TEST(test_server_killed)
{
    make_slice(2, 1, "server 1: listen; wait go; kill KILL", "server 0: serve",
               "trainer: touch go; forever", NULL);
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_SIGNALED);
    ck_assert_int_eq(seen.failed->value, SIGKILL);
    ck_assert_int_eq(seen.failed->code, 137);
    ck_assert_int_eq(seen.failed->role, ROLE_SERVER);
    ck_assert_int_eq(seen.failed->id, 1);
}
END_TEST

START_TEST(test_server_leaves_before_it_listens)
{
    make_slice(2, 1, "server 1: print bye", NULL);
    start_keeper();
    send_two(MESSAGE_GO, STAGE_SERVERS, 0);
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_LEFT_EARLY);
    ck_assert_int_eq(seen.failed->code, EXIT_LAUNCHER);
    ck_assert_int_eq(seen.failed->id, 1);
    ck_assert(!seen.reached[STAGE_LISTENING]);
}
END_TEST

/* What a server has had started listens, and is not below it: this test listens in its place. */
START_TEST(test_a_server_in_a_container)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)base_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    make_slice(1, 1, "server: touch up; wait go", "trainer: touch go", NULL);
    start_keeper();
    send_two(MESSAGE_GO, STAGE_SERVERS, 0);
    until(exists("up"));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    until(seen.reached[STAGE_LISTENING]);
    send_two(MESSAGE_GO, STAGE_TRAINERS, 12345);
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 1);
    ck_assert_ptr_nonnull(strstr(seen.outcome.warnings.items[0].text, "has not started listens"));
    close(fd);
}
END_TEST

START_TEST(test_servers_leave_while_trainers_run)
{
    make_slice(1, 1, "server: listen; wait go", "trainer: touch go; forever", NULL);
    go_until_trainers();
    until(seen.left);
    ck_assert_int_eq(seen.left->how, HOW_LEFT_EARLY);
    ck_assert_int_eq(seen.left->role, ROLE_SERVER);
    ck_assert_ptr_null(seen.failed);
    send_two(MESSAGE_STOP, 0, 0);
    finish();
    ck_assert_ptr_null(seen.failed);
}
END_TEST

START_TEST(test_start_timeout)
{
    make_slice(2, 1, "server 1: forever", NULL);
    slice->start_timeout_ms = 1000;
    start_keeper();
    send_two(MESSAGE_GO, STAGE_SERVERS, 0);
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_START_TIMEOUT);
    ck_assert_int_eq(seen.failed->code, EXIT_START_TIME);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "server 1 (port "));
    ck_assert_ptr_null(strstr(seen.failed->text, "server 0"));
}
END_TEST

/* A machine whose server accepts two clients, and a limit for them. */
static void make_limited(const char *trainer_1)
{
    make_slice(1, 2, "trainer 0: connect; wait go", trainer_1, NULL);
    strv_add(&slice->processes[0].env, "DGL_NUM_CLIENT=2");
    slice->connect_timeout_ms = 1000;
    start_keeper();
    send_two(MESSAGE_MACHINES, 0, 0);
    let_trainers_go();
}

START_TEST(test_connect_timeout)
{
    make_limited("trainer 1: forever");
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_CONNECT_TIMEOUT);
    ck_assert_int_eq(seen.failed->code, EXIT_START_TIME);
    ck_assert_int_eq(seen.failed->role, ROLE_SERVER);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "has 1 of 2 clients after 1 s"));
}
END_TEST

/* All are connected, and stay for longer than the limit. */
START_TEST(test_connected_in_time)
{
    make_limited("trainer 1: connect; sleep 2; touch go");
    drain();
    ck_assert_ptr_null(seen.failed);
}
END_TEST

START_TEST(test_server_outstays)
{
    make_slice(1, 1, "server: listen; ignore TERM; forever", "trainer: print x", NULL);
    slice->exit_timeout_ms = 500;
    go_until_trainers();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 1);
    ck_assert_ptr_nonnull(strstr(seen.outcome.warnings.items[0].text, "server 0"));
    ck_assert_int_eq(outcome_of(ROLE_SERVER, 0)->signal, SIGKILL);
}
END_TEST

START_TEST(test_told_to_stop)
{
    make_slice(1, 1, "trainer: touch here; fork session stubborn; forever", NULL);
    go_until_trainers();
    until(exists("here"));
    kill(keeper.pid, SIGINT);
    finish();
    ck_assert_int_eq(seen.failed->how, HOW_TOLD_TO_STOP);
    ck_assert_int_eq(seen.failed->code, 130);
}
END_TEST

START_TEST(test_servers_are_stopped_last)
{
    const struct process_outcome *server, *trainer;

    make_slice(1, 1, "server: listen; forever",
               "trainer: fork group; catch TERM; touch here; await TERM; sleep 1; exit 7", NULL);
    slice->kill_grace_ms = PATIENCE_MS;
    go_until_trainers();
    until(exists("here"));
    send_two(MESSAGE_STOP, 0, 0);
    finish();
    server = outcome_of(ROLE_SERVER, 0);
    trainer = outcome_of(ROLE_TRAINER, 0);
    ck_assert_int_eq(server->signal, SIGTERM);
    ck_assert_int_eq(trainer->exit_code, 7);
    /* both may be reaped in one turn, the server first */
    ck_assert_int_gt(server->end_ms, trainer->end_ms - 500);
}
END_TEST

START_TEST(test_a_stubborn_trainer_leaves_the_servers_time)
{
    make_slice(1, 1, "server: listen; forever", "trainer: ignore TERM; touch here; forever", NULL);
    go_until_trainers();
    until(exists("here"));
    send_two(MESSAGE_STOP, 0, 0);
    finish();
    ck_assert_int_eq(outcome_of(ROLE_SERVER, 0)->signal, SIGTERM); /* before KILL came */
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->signal, SIGKILL);
}
END_TEST

START_TEST(test_hurry)
{
    int64_t start;

    make_slice(1, 1, "any: touch here; ignore TERM; listen; forever", NULL);
    slice->kill_grace_ms = 600000;
    go_until_trainers();
    until(exists("here"));
    start = clock_ms();
    send_two(MESSAGE_STOP, 0, 0);
    send_two(MESSAGE_STOP, 1, 0);
    finish();
    ck_assert_int_lt(clock_ms() - start, PATIENCE_MS);
    ck_assert_int_eq(outcome_of(ROLE_SERVER, 0)->stopped, 1);
}
END_TEST

START_TEST(test_fork_bomb)
{
    make_slice(0, 1, "trainer: forkbomb 300; exit 5", NULL);
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->code, 5);
}
END_TEST

START_TEST(test_another_attempt)
{
    make_slice(1, 1, "server: serve", "trainer: connect; attempt 0 exit 3", NULL);
    strv_add(&slice->set, "DGL_JOB_RESTART_COUNT=0");
    go_until_trainers();
    until(seen.reached[STAGE_OVER]);
    ck_assert_int_eq(seen.failed->code, 3);
    forget();
    strv_env_set(&slice->set, "DGL_JOB_RESTART_COUNT=1");
    slice->attempt = 1;
    send_plan();
    let_trainers_go();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_int_eq(outcome_of(ROLE_TRAINER, 0)->exit_code, 0);
    ck_assert_ptr_nonnull(strstr(outcome_of(ROLE_TRAINER, 0)->log, "vm0.trainer-0.1.log"));
}
END_TEST

/* argv[0] of the slice becomes word. */
static void fail_to_run(const char *word, int code, const char *want)
{
    make_slice(0, 1, NULL);
    free(slice->argv.items[0]);
    slice->argv.items[0] = mem_strdup(word);
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->code, code);
    ck_assert_msg(strstr(seen.failed->text, want), "%s", seen.failed->text);
    forget();
}

START_TEST(test_cannot_run)
{
    struct err err = {0};
    char *script = mem_printf("%s/script", folder), *plain = mem_printf("%s/plain", folder);
    char *want = mem_printf("'%s': bad interpreter '#!/no/such/python'", script);

    ck_assert_int_eq(file_write(script, "#!/no/such/python\n", 18, &err), 0);
    ck_assert_int_eq(file_write(plain, "hello\n", 6, &err), 0);
    fail_to_run("no-such-python", 127, "'no-such-python': not found in PATH");
    fail_to_run("./nothing", 127, "not found");
    fail_to_run("./plain", 126, "not executable");
    chmod(script, 0755);
    chmod(plain, 0755);
    fail_to_run("./script", 127, want);
    fail_to_run("./plain", 126, "no program");
    fail_to_run("/", 126, "not executable");
    free(script);
    free(plain);
    free(want);
}
END_TEST

START_TEST(test_no_workspace)
{
    make_slice(0, 1, NULL);
    free(slice->workspace);
    slice->workspace = mem_strdup("/no/such/workspace");
    go_until_trainers();
    finish();
    ck_assert_int_eq(seen.failed->code, EXIT_MACHINE);
    ck_assert_ptr_nonnull(strstr(seen.failed->text, "/no/such/workspace"));
}
END_TEST

/* Anybody of the same user's can write where the hook of a Python does. */
static _Noreturn void write_for_ever(int fd)
{
    static const char line[] = "ended 0 1 1 0 0 0 0\n";

    while (write(fd, line, sizeof(line) - 1) >= 0 || errno == EAGAIN)
        continue;
    _exit(0);
}

START_TEST(test_a_flood_from_the_hook)
{
    char *path;
    int status, fd;
    pid_t pid;

    make_slice(0, 1, "trainer: touch up; forever", NULL);
    slice->private_shm = PRIVATE_SHM_OFF;
    slice->python_hook = 1;
    go_until_trainers();
    until(exists("up") && seen.job_dir.path);
    path = mem_printf("%s/python/told", seen.job_dir.path);
    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        write_for_ever(fd);
    }
    close(fd);
    for (int i = 0; i < 10; i++) {
        seen.answered = false;
        send_frame(MESSAGE_PING, NULL, 0);
        until(seen.answered);
    }
    send_two(MESSAGE_STOP, 0, 0);
    finish();
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    free(path);
}
END_TEST

/* Without log files nothing is lost, however slow the reader. */
START_TEST(test_back_pressure)
{
    int lines = 0;

    make_slice(0, 1, "trainer: lines 40000 100", NULL);
    free(slice->log_dir);
    slice->log_dir = NULL;
    seen.no_credit = true;
    go_until_trainers();
    until(seen.output.len > 900000);
    for (int i = 0; i < 10; i++)
        send_two(MESSAGE_CREDIT, 100000, 0);
    until(seen.output.len > 1900000);
    seen.no_credit = false;
    send_two(MESSAGE_CREDIT, 1000000, 0);
    drain();
    for (size_t i = 0; i < seen.output.len; i++)
        lines += seen.output.data[i] == '\n';
    ck_assert_int_eq(lines, 40000);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_good_run,
        test_no_servers,
        test_awaited_trainers,
        test_trainer_exits_3,
        test_server_killed,
        test_server_leaves_before_it_listens,
        test_a_server_in_a_container,
        test_servers_leave_while_trainers_run,
        test_start_timeout,
        test_connect_timeout,
        test_samples,
        test_connected_in_time,
        test_server_outstays,
        test_told_to_stop,
        test_servers_are_stopped_last,
        test_a_stubborn_trainer_leaves_the_servers_time,
        test_hurry,
        test_another_attempt,
        test_fork_bomb,
        test_cannot_run,
        test_no_workspace,
        test_back_pressure,
        test_a_flood_from_the_hook,
    };

    return rig_run("keeper", tests, sizeof(tests) / sizeof(tests[0]));
}
