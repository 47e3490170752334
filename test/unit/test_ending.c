/* test_ending: does anything move in what has had KILL? */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/ending.h"
#include "unit.h"

static pid_t child;

static void begin(void (*run)(void))
{
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        run();
        _exit(0);
    }
}

static void end(void)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}

static void spin(void)
{
    for (volatile unsigned n = 0;; n++)
        ;
}

static void *idle(void *arg)
{
    sleep_for_ever();
    return arg;
}

/* Its first thread is a zombie, another one lives. */
static void leave_a_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, idle, NULL);
    pthread_exit(NULL);
}

static void await_state(char state)
{
    struct proc proc;
    int64_t until = clock_ms() + 20000;

    do
        ck_assert_int_eq(proc_read(child, &proc), 0);
    while (proc.state != state && clock_ms() < until);
    ck_assert_int_eq(proc.state, state);
}

static bool look(struct ending *ending, int64_t now)
{
    struct procs left = {0};
    bool moved;

    ending_left(&left);
    moved = ending_look(ending, &left, now);
    procs_free(&left);
    return moved;
}

START_TEST(what_sleeps_does_not_move)
{
    struct ending ending;

    begin(sleep_for_ever);
    await_state('S');
    ending_begin(&ending, 1000);
    look(&ending, 2000);
    ck_assert(!look(&ending, 3000));
    ck_assert_int_eq(ending.moved, 2000);
    ck_assert(!ending_is_vain(&ending, 9999));
    ck_assert(ending_is_vain(&ending, 10000));
    end();
    ck_assert(look(&ending, 11000)); /* it has gone */
    ck_assert(!ending_is_vain(&ending, 12000));
}
END_TEST

/* A process that frees its memory, be it ever so slowly, and one that gets no CPU. */
START_TEST(what_runs_moves)
{
    struct ending ending;

    begin(spin);
    await_state('R');
    ending_begin(&ending, 0);
    for (int64_t now = 1000; now < 60000; now += 1000)
        ck_assert(look(&ending, now));
    ck_assert(!ending_is_vain(&ending, 60000));
    end();
}
END_TEST

/* Of a process whose memory is being freed by its last thread the first one is a zombie already. */
START_TEST(a_zombie_with_threads_has_not_ended)
{
    struct procs left = {0};
    struct proc proc;

    begin(leave_a_thread);
    await_state('Z');
    ck_assert_int_eq(proc_read(child, &proc), 0);
    ck_assert(!proc_has_ended(&proc));
    ck_assert_int_eq(proc.threads, 2);
    ending_left(&left);
    ck_assert_uint_eq(left.n, 1);
    procs_free(&left);
    kill(child, SIGKILL);
    waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
    ck_assert_int_eq(proc_read(child, &proc), 0);
    ck_assert(proc_has_ended(&proc));
    waitpid(child, NULL, 0);
}
END_TEST

UNIT_MAIN("ending", what_sleeps_does_not_move, what_runs_moves, a_zombie_with_threads_has_not_ended)
