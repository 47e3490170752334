/* test_state: what a process waits in, and what a person reads of it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/call.h"
#include "keeper/proc.h"
#include "report/state.h"
#include "unit.h"

/* ---- call ---- */

enum waits { IN_READ, IN_POLL, IN_SLEEP, NOWHERE };

static pid_t child;

static void start_child(enum waits where, int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    char byte;

    child = fork();
    if (child != 0)
        return;
    if (where == IN_READ)
        _exit((int)read(fd, &byte, 1));
    if (where == IN_POLL)
        _exit(poll(&entry, 1, -1));
    if (where == IN_SLEEP)
        _exit((int)sleep(1000));
    for (;;)
        continue;
}

static void end_child(void)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* A connection over loopback; *port is where its other end is. */
static int connected(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void check_call(const char *want, const char *want_peer)
{
    unsigned long socket;
    char *call = NULL, *peer = NULL;
    struct proc proc;

    do { /* it may not have come there yet */
        free(call);
        ck_assert_int_eq(proc_read(child, &proc), 0);
        call = call_of(child, &socket);
    } while (proc.state != 'S' || !call);
    call_peers(&socket, &peer, 1);
    ck_assert_str_eq(call, want);
    if (want_peer)
        ck_assert_str_eq(peer, want_peer);
    else
        ck_assert_ptr_null(peer);
    free(call);
    free(peer);
    end_child();
}

START_TEST(a_call_about_a_socket_names_its_peer)
{
    char want[64];
    int port, fd = connected(&port), pair[2];

    snprintf(want, sizeof(want), "127.0.0.1:%d", port);
    start_child(IN_READ, fd);
    check_call("read", want);
    start_child(IN_POLL, fd);
    check_call("poll", want);
    ck_assert_int_eq(pipe(pair), 0);
    start_child(IN_READ, pair[0]);
    check_call("read", NULL);
}
END_TEST

START_TEST(a_call_without_a_socket)
{
    start_child(IN_SLEEP, -1);
    check_call("clock_nanosleep", NULL);
}
END_TEST

START_TEST(a_process_that_runs_or_is_none)
{
    unsigned long socket;

    start_child(NOWHERE, -1);
    ck_assert_ptr_null(call_of(child, &socket));
    ck_assert_uint_eq(socket, 0);
    end_child();
    ck_assert_ptr_null(call_of(child, &socket));
}
END_TEST

/* ---- words ---- */

static struct process_now asleep = {
    .state = "S", .call = "futex", .line = "epoch 1", .silent_ms = 2500};
static struct process_now waiting = {.state = "S", .call = "recvfrom", .peer = "10.0.0.2:30051"};
static struct process_now calling = {
    .state = "S", .call = "read", .peer = "10.9.9.9:1", .below = "pid 5 (python3) is stopped"};
static struct process_now stopped = {.state = "T", .call = "futex", .line = "a\x1b[2Jb"};

static struct process_outcome on_vm0[] = {
    {.role = ROLE_SERVER, .id = 0, .pid = 10, .now = &asleep},
    {.role = ROLE_TRAINER, .id = 0, .pid = 11, .now = &asleep},
    {.role = ROLE_TRAINER, .id = 1, .pid = 12, .now = &asleep},
    {.role = ROLE_TRAINER, .id = 2, .pid = 13, .now = &waiting}};
static struct process_outcome on_vm1[] = {
    {.role = ROLE_SERVER, .id = 1, .pid = 20, .now = &asleep},
    {.role = ROLE_SERVER, .id = 2, .pid = 21, .now = &stopped},
    {.role = ROLE_TRAINER, .id = 3, .pid = 22, .now = &asleep},
    {.role = ROLE_TRAINER, .id = 4, .pid = 23, .now = &calling},
    {.role = ROLE_TRAINER, .id = 5, .pid = 24}};
static struct moment moments[] = {{2000, 1500, 1 << 20, 3 << 20, 512 << 10}};
static struct outcome outcomes[] = {
    {.host = "vm0",
     .ip = "10.0.0.1",
     .port = 30050,
     .processes = on_vm0,
     .n_processes = 4,
     .memory_kb = 8 << 20,
     .shm_kb = 4 << 20,
     .curve = {.moments = moments, .n = 1}},
    {.host = "vm1", .ip = "10.0.0.2", .port = 30050, .processes = on_vm1, .n_processes = 5},
    {.host = "vm2", .silent = true},
    {.host = "vm3", .silent = true}};
static const struct phase phases[] = {{"servers", 0, 2000}, {"trainers", 2000, -1}};
static const struct report report = {.job_id = "job",
                                     .wall_ms = 12300,
                                     .start_ms = 300,
                                     .attempt = 1,
                                     .phases = phases,
                                     .n_phases = 2,
                                     .outcomes = outcomes,
                                     .n_outcomes = 4};

START_TEST(the_odd_one_out_stands_alone)
{
    struct buf text = {0};

    report_state(&text, &report, STATE_ALL);
    buf_add(&text, "", 1);
    ck_assert_str_eq(
        text.data,
        "dgl-mpilaunch: job, 12.3 s after its start: trainers for 10.0 s, attempt 2\n"
        "  servers 0-1: asleep in futex\n"
        "  server 2 on vm1: stopped by a signal\n"
        "  trainers 0-1, 3: asleep in futex\n"
        "  trainer 4 on vm1: asleep in read, and below it pid 5 (python3) is stopped\n"
        "  trainer 2 on vm0: asleep in recvfrom with server 2 on vm1\n"
        "  no answer from vm2, vm3\n"
        "vm0: 1.50 cores; memory 3.0 of 8.0 GiB, of it the job's own 1.0; /dev/shm 0.50 of 4.00 "
        "GiB\n"
        "  server    0  pid      10   0.00 cores    0.00 GiB    0 threads  asleep in futex; 2 s "
        "ago: epoch 1\n"
        "  trainer   0  pid      11   0.00 cores    0.00 GiB    0 threads  asleep in futex; 2 s "
        "ago: epoch 1\n"
        "  trainer   1  pid      12   0.00 cores    0.00 GiB    0 threads  asleep in futex; 2 s "
        "ago: epoch 1\n"
        "  trainer   2  pid      13   0.00 cores    0.00 GiB    0 threads  asleep in recvfrom with "
        "server 2 on vm1 (10.0.0.2:30051); 0 s ago: nothing printed\n"
        "vm1\n"
        "  server    1  pid      20   0.00 cores    0.00 GiB    0 threads  asleep in futex; 2 s "
        "ago: epoch 1\n"
        "  server    2  pid      21   0.00 cores    0.00 GiB    0 threads  stopped by a signal; 0 "
        "s ago: a\\x1b[2Jb\n"
        "  trainer   3  pid      22   0.00 cores    0.00 GiB    0 threads  asleep in futex; 2 s "
        "ago: epoch 1\n"
        "  trainer   4  pid      23   0.00 cores    0.00 GiB    0 threads  asleep in read, "
        "and below it pid 5 (python3) is stopped (10.9.9.9:1); 0 s ago: nothing printed\n");
    buf_free(&text);
}
END_TEST

START_TEST(a_console_gets_a_part)
{
    struct buf text = {0};

    report_state(&text, &report, 3);
    buf_add(&text, "", 1);
    ck_assert_ptr_nonnull(strstr(text.data, "and 5 more processes; state.txt in the run folder "));
    ck_assert_ptr_null(strstr(text.data, "\nvm1"));
    buf_free(&text);
}
END_TEST

/* ---- the odd one out ---- */

/* Trainers that do these things, one each; NULL ends the list. */
static void check_odd(const char *want, bool silent, ...)
{
    struct process_now now[8] = {{.call = NULL}};
    struct process_outcome trainers[8] = {{0}};
    struct outcome one = {.host = "vm0", .processes = trainers, .silent = silent};
    struct report all = {.outcomes = &one, .n_outcomes = 1};
    const struct outcome *where = NULL;
    struct buf text = {0};
    va_list calls;

    va_start(calls, silent);
    for (const char *call; (call = va_arg(calls, const char *)); one.n_processes++) {
        now[one.n_processes] = (struct process_now){.state = "S", .call = (char *)call};
        if (!strcmp(call, "stopped"))
            now[one.n_processes].state[0] = 'T';
        trainers[one.n_processes] = (struct process_outcome){
            .role = ROLE_TRAINER, .id = one.n_processes, .pid = 7, .now = &now[one.n_processes]};
    }
    va_end(calls);
    report_odd_one(&text, &all, &where);
    buf_add(&text, "", 1);
    ck_assert_str_eq(text.data, want);
    ck_assert(!where || where == &one);
    buf_free(&text);
}

START_TEST(the_odd_one_out_is_named)
{
    static const char none[] = "no process differs from the others of its role";

    check_odd("trainer 1 on vm0 (pid 7) is asleep in read", false, "futex", "read", "futex", NULL);
    check_odd(none, false, "futex", "futex", "futex", NULL);
    check_odd(none, false, "futex", "read", NULL);
    check_odd(none, false, "futex", "read", "poll", "futex", NULL);
    check_odd(none, false, NULL);
    check_odd("trainer 0 on vm0 (pid 7) is asleep in futex", false, "futex", NULL);
    check_odd("trainer 2 on vm0 (pid 7) is stopped by a signal", true, "futex", "read", "stopped",
              NULL);
    check_odd("vm0 does not answer", true, "futex", "read", "futex", NULL);
}
END_TEST

UNIT_MAIN("state", a_call_about_a_socket_names_its_peer, a_call_without_a_socket,
          a_process_that_runs_or_is_none, the_odd_one_out_stands_alone, a_console_gets_a_part,
          the_odd_one_out_is_named)
