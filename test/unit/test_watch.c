/* test_watch: descendants are found, told apart, and each death is told once with its status. Each
 * test runs in a process of its own, which is made a subreaper. Workers are this program itself.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/program.h"
#include "keeper/watch.h"
#include "unit.h"

enum { PATIENCE_MS = 20000 };
#define WORKER "python3 -c from multiprocessing.spawn import spawn_main"

static struct watch *watch;

static void begin(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    watch = watch_open();
    watch_pools(watch, "127.0.0.1", 1, 0, 9);
    ck_assert_ptr_nonnull(watch);
}

static _Noreturn void sleep_for_ever(void)
{
    signal(SIGTERM, SIG_DFL);
    alarm(60);
    for (;;)
        pause();
}

/* Looks until the next death. */
static struct watch_death next_death(void)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    struct watch_death death;

    while (!watch_next_death(watch, &death)) {
        struct pollfd entry = {.fd = watch_fd(watch), .events = POLLIN};

        ck_assert_msg(clock_ms() < end, "nobody dies");
        if (clock_ms() >= watch_next_look(watch))
            watch_look(watch, clock_ms(), 100);
        poll(&entry, 1, 10);
    }
    return death;
}

static void no_death(void)
{
    struct watch_death death;

    watch_look(watch, clock_ms(), 100);
    ck_assert(!watch_next_death(watch, &death));
}

/* Becomes what multiprocessing's "spawn" starts. */
static _Noreturn void be_worker(void)
{
    signal(SIGTERM, SIG_DFL);
    execl("/bin/sleep", WORKER, "60", (char *)NULL);
    _exit(99);
}

/* A trainer with one worker, whose pid comes back. */
static pid_t start_trainer(pid_t *worker)
{
    int back[2];
    pid_t trainer, none = 0;

    ck_assert_int_eq(pipe(back), 0);
    trainer = fork();
    if (trainer == 0) {
        pid_t pid = fork();

        if (pid == 0)
            be_worker();
        if (write(back[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        sleep_for_ever();
    }
    close(back[1]);
    if (read(back[0], &none, sizeof(none)) == (ssize_t)sizeof(none))
        *worker = none;
    close(back[0]);
    ck_assert_int_gt(*worker, 0);
    return trainer;
}

START_TEST(a_killed_sampler_is_told_once)
{
    struct watch_death death;
    pid_t worker = 0, trainer;

    begin();
    trainer = start_trainer(&worker);
    poll(NULL, 0, 100);
    no_death();
    kill(worker, SIGSEGV);
    death = next_death();
    ck_assert_int_eq(death.pid, worker);
    ck_assert_int_eq(death.parent, trainer);
    ck_assert_int_eq(death.top, trainer);
    ck_assert_str_eq(death.name, "sleep");
    ck_assert(death.sampler && !death.proper);
    ck_assert(WIFSIGNALED(death.status) && WTERMSIG(death.status) == SIGSEGV);
    ck_assert_int_gt(death.peak_kb, 0);
    no_death();
    kill(trainer, SIGKILL);
    death = next_death();
    ck_assert_int_eq(death.pid, trainer);
    ck_assert(!death.sampler);
}
END_TEST

/* A trainer with one worker, which execs when a byte comes out of the pipe. */
static pid_t start_late_worker(const int go[2], pid_t *worker)
{
    int back[2];
    pid_t trainer;

    ck_assert_int_eq(pipe(back), 0);
    trainer = fork();
    if (trainer == 0) {
        char byte;
        pid_t pid = fork();

        if (pid == 0 && read(go[0], &byte, 1) == 1)
            be_worker();
        if (pid == 0 || write(back[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        sleep_for_ever();
    }
    ck_assert_int_eq(read(back[0], worker, sizeof(*worker)), (int)sizeof(*worker));
    return trainer;
}

static void wait_until_worker(pid_t pid)
{
    int64_t end = clock_ms() + PATIENCE_MS;

    while (!program_is_worker(pid)) {
        ck_assert_msg(clock_ms() < end, "process %d never execs", (int)pid);
        poll(NULL, 0, 10);
    }
}

/* Seen before it execs, a worker shows its parent's command line. The next look through /proc is
 * seconds away. */
START_TEST(a_worker_that_execs_late_is_known_before_the_next_look)
{
    enum { SLOWEST = 60000, LOOKS = 20 };
    int64_t now = clock_ms();
    struct watch_death death;
    pid_t trainer, worker = 0;
    int go[2];

    begin();
    ck_assert_int_eq(pipe(go), 0);
    trainer = start_late_worker(go, &worker);
    for (int i = 0; i < LOOKS; i++)
        watch_look(watch, now, SLOWEST);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    wait_until_worker(worker);
    ck_assert(!watch_tick(watch, watch_next_look(watch), SLOWEST));
    kill(worker, SIGTERM);
    death = next_death();
    ck_assert_int_eq(death.pid, worker);
    ck_assert(death.sampler);
    kill(trainer, SIGKILL);
}
END_TEST

/* The parent reaps before we can ask: the pidfd knows since Linux 6.15, or nobody does. */
START_TEST(a_reaped_one_has_its_status_or_none)
{
    struct watch_death death;
    int go[2];
    pid_t parent;

    begin();
    ck_assert_int_eq(pipe(go), 0);
    parent = fork();
    if (parent == 0) {
        char byte;
        pid_t pid = fork();

        if (pid == 0)
            _exit(read(go[0], &byte, 1) == 1 ? 7 : 8);
        waitpid(pid, NULL, 0);
        sleep_for_ever();
    }
    poll(NULL, 0, 100);
    watch_look(watch, clock_ms(), 100);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    poll(NULL, 0, 200);
    death = next_death();
    ck_assert_int_eq(death.parent, parent);
    ck_assert(death.status == WATCH_UNKNOWN ||
              (WIFEXITED(death.status) && WEXITSTATUS(death.status) == 7));
    kill(parent, SIGKILL);
}
END_TEST

START_TEST(what_we_reap_ourselves_is_known)
{
    struct watch_death death;
    int status;
    pid_t pid;

    begin();
    pid = fork();
    if (pid == 0)
        sleep_for_ever();
    watch_look(watch, clock_ms(), 100);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    watch_reaped(watch, pid, status);
    death = next_death();
    ck_assert_int_eq(death.status, status);
}
END_TEST

START_TEST(an_orphan_keeps_its_owner)
{
    struct watch_death death;
    pid_t worker = 0, trainer;

    begin();
    trainer = start_trainer(&worker);
    poll(NULL, 0, 100);
    watch_look(watch, clock_ms(), 100);
    kill(trainer, SIGKILL);
    ck_assert_int_eq(next_death().pid, trainer);
    watch_look(watch, clock_ms(), 100);
    kill(worker, SIGKILL);
    death = next_death();
    ck_assert_int_eq(death.pid, worker);
    ck_assert_int_eq(death.top, trainer);
}
END_TEST

/* sh -> sh -> sleep; what follows keeps the shell from becoming the command. */
START_TEST(the_trainer_proper_is_below_its_shells)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    struct proc proc = {0};
    pid_t shell, proper;

    begin();
    shell = fork();
    if (shell == 0) {
        signal(SIGTERM, SIG_DFL);
        execl("/bin/sh", "sh", "-c", "sh -c 'sleep 60; true'; true", (char *)NULL);
    }
    do {
        ck_assert_msg(clock_ms() < end, "no trainer proper: %s", proc.name);
        poll(NULL, 0, 10);
        proper = program_trainer_of(shell);
        ck_assert_int_eq(proc_read(proper, &proc), 0);
    } while (strcmp(proc.name, "sleep") != 0);
    ck_assert_int_eq(program_trainer_of(proper), proper); /* no shell */
    watch_look(watch, clock_ms(), 100);
    kill(proper, SIGKILL);
    ck_assert(next_death().proper);
    ck_assert_int_eq(program_trainer_of(999999999), 999999999);
}
END_TEST

/* A script's process has the script's name. */
START_TEST(a_script_is_a_shell)
{
    char folder[UNIT_PATH], path[UNIT_PATH + sizeof("/script")];
    static const char script[] = "#!/bin/sh\nsleep 60\ntrue\n";
    int64_t end = clock_ms() + PATIENCE_MS;
    pid_t shell;
    int fd;

    begin();
    unit_folder(folder, "/tmp");
    snprintf(path, sizeof(path), "%s/script", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    ck_assert_int_eq(write(fd, script, sizeof(script) - 1), (int)sizeof(script) - 1);
    close(fd);
    shell = fork();
    if (shell == 0) {
        execl(path, path, (char *)NULL);
        _exit(99);
    }
    while (program_trainer_of(shell) == shell) {
        ck_assert_msg(clock_ms() < end, "no trainer proper");
        poll(NULL, 0, 10);
    }
    unlink(path);
    kill(program_trainer_of(shell), SIGKILL);
}
END_TEST

/* Descriptors are bounded; what is not watched is not told, and nothing breaks. */
START_TEST(more_than_can_be_watched)
{
    struct rlimit files = {300, 300}; /* 256 are spared */
    struct watch_death death;
    pid_t pids[80];
    int told = 0;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    begin();
    for (int i = 0; i < 80; i++) {
        if ((pids[i] = fork()) == 0)
            sleep_for_ever();
    }
    watch_look(watch, clock_ms(), 100);
    for (int i = 0; i < 80; i++)
        kill(pids[i], SIGKILL);
    for (int i = 0; i < 80; i++)
        waitpid(pids[i], NULL, 0);
    while (watch_next_death(watch, &death))
        told++;
    ck_assert_int_eq(told, 44);
    watch_close(watch);
    watch_close(NULL);
}
END_TEST

/* The interval grows, and a look says what it costs. */
START_TEST(looks_become_rare)
{
    int64_t now = 0, at = clock_ms();

    begin();
    for (int i = 0; i < 40; i++) {
        watch_look(watch, now, 1000);
        ck_assert_int_ge(watch_next_look(watch), now + 50);
        now = watch_next_look(watch);
    }
    printf("40 looks took %lld ms\n", (long long)(clock_ms() - at));
    watch_look(watch, now, 1000);
    ck_assert_int_ge(watch_next_look(watch) - now, 1000);
}
END_TEST

UNIT_MAIN("watch", a_killed_sampler_is_told_once,
          a_worker_that_execs_late_is_known_before_the_next_look,
          a_reaped_one_has_its_status_or_none, what_we_reap_ourselves_is_known,
          an_orphan_keeps_its_owner, the_trainer_proper_is_below_its_shells, a_script_is_a_shell,
          more_than_can_be_watched, looks_become_rare)
