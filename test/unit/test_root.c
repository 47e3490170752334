/* test_root: whom rank 0 says it waits for, and when, by a clock that is made up. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coord/notices.h"
#include "coord/root.h"
#include "job/plan.h"
#include "report/awaited.h"
#include "unit.h"

enum { MACHINES = 3 };

static struct seat seats[MACHINES] = {{.host = "vm0"}, {.host = "vm1"}, {.host = "vm2"}};
static int machine_of[MACHINES] = {0, 1, 2};
static const struct meeting meeting = {.seats = seats, .machine_of = machine_of};
static struct job job = {.id = "j", .options = {.num_servers = 1, .num_trainers = 2}};
static struct buf said;

static void hear(void *arg, const char *line)
{
    (void)arg;
    buf_add(&said, line, strlen(line));
}

static void said_is(const char *want)
{
    buf_add(&said, "", 1);
    ck_assert_str_eq(said.data, want);
    said.len = 0;
}

static struct root *open_root(void)
{
    struct err err = {0};
    struct root *root = root_open(&job, &meeting, MACHINES, NULL, NULL, NULL, &err);

    ck_assert_int_eq(err.code, 0);
    log_set_sink(hear, NULL);
    return root;
}

static struct waiting one_of(enum role role, int of, int id)
{
    struct waiting w = {.role = role, .of = of, .left = id < 0 ? 0 : 1, .n = id < 0 ? 0 : 1};

    w.items[0] = role == ROLE_SERVER
                     ? (struct awaited){.id = id, .port = 30050 + id, .silent_ms = -1}
                     : (struct awaited){.id = id, .pid = 4710 + id, .silent_ms = -1};
    return w;
}

static void waits(struct root *root, int from, struct waiting w)
{
    root_waiting(root, from, &w);
}

START_TEST(late_servers_are_named_ever_more_seldom)
{
    struct root *root = open_root();
    int64_t now = clock_ms();

    root_phase(root, STAGE_SERVERS);
    said_is("dgl-mpilaunch: job j: starting 3 servers on 3 machines\n");
    waits(root, 0, one_of(ROLE_SERVER, 1, -1));
    waits(root, 1, one_of(ROLE_SERVER, 1, 1));
    waits(root, 2, one_of(ROLE_SERVER, 1, 2));
    ck_assert_ptr_null(root_tick(root, now + 500));
    said_is("");
    root_tick(root, now + 10100);
    said_is("dgl-mpilaunch: waiting for server 1 on vm1 (port 30051); server 2 on vm2 (port "
            "30052)\n");
    root_tick(root, now + 15000);
    said_is("");
    waits(root, 1, one_of(ROLE_SERVER, 1, -1));
    root_tick(root, now + 29000);
    said_is("");
    root_tick(root, now + 30200);
    said_is("dgl-mpilaunch: waiting for server 2 on vm2 (port 30052)\n");
    root_close(root);
}
END_TEST

START_TEST(a_trainer_that_does_not_end_is_named_ever_more_seldom)
{
    struct root *root = open_root();
    int64_t now = clock_ms();
    struct waiting silent = one_of(ROLE_TRAINER, 1, 1);

    root_phase(root, STAGE_SERVERS);
    root_phase(root, STAGE_TRAINERS);
    said_is("dgl-mpilaunch: job j: starting 3 servers on 3 machines\n"
            "dgl-mpilaunch: all servers listen after 0.0 s; starting 6 trainers on 3 machines\n");
    for (int r = 0; r < MACHINES; r++)
        waits(root, r, one_of(ROLE_TRAINER, 1, r));
    root_tick(root, now + 3600000); /* all of them train */
    said_is("");
    waits(root, 0, one_of(ROLE_TRAINER, 1, -1));
    waits(root, 2, one_of(ROLE_TRAINER, 1, -1));
    root_tick(root, now + 5000);
    said_is("");
    root_tick(root, now + 10100);
    said_is("dgl-mpilaunch: 2 of 3 trainers have ended; waiting for trainer 1 on vm1 (pid "
            "4711)\n");
    silent.items[0].silent_ms = 30000;
    waits(root, 1, silent);
    root_tick(root, now + 29000);
    said_is("");
    root_tick(root, now + 30900);
    said_is("dgl-mpilaunch: 2 of 3 trainers have ended; waiting for trainer 1 on vm1 (pid 4711), "
            "silent for 60 s\n");
    waits(root, 1, one_of(ROLE_TRAINER, 1, -1));
    root_tick(root, now + 200000);
    said_is("");
    root_close(root);
}
END_TEST

/* A hundred lines of names would hide the rest. */
START_TEST(many_are_counted)
{
    struct waiting many = {.role = ROLE_TRAINER, .of = 20, .left = 12, .n = 2};
    struct buf text = {0};

    many.items[0] = (struct awaited){.id = 3, .pid = 10, .silent_ms = -1};
    many.items[1] = (struct awaited){.id = 5, .pid = 11, .silent_ms = 31000};
    report_awaited(&text, &many, "vm1", 2000);
    buf_add(&text, "", 1);
    ck_assert_str_eq(text.data, "trainer 3 on vm1 (pid 10); trainer 5 on vm1 (pid 11), silent for "
                                "33 s; and 10 more on vm1");
    buf_free(&text);
}
END_TEST

static void come(struct root *root, int from)
{
    struct outcome outcome = {.machine = from, .rank = from};

    root_outcome(root, from, &outcome);
}

static void count_credit(void *arg, int from, size_t len)
{
    ((size_t *)arg)[from] += len;
}

START_TEST(credit_comes_back_in_parts)
{
    enum { LEN = 1000 };
    int saved = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY);
    size_t given[MACHINES] = {0};
    char *line = mem_calloc(LEN, 1);
    struct err err = {0};
    struct root *root;

    fflush(NULL);
    dup2(nowhere, STDOUT_FILENO);
    root = root_open(&job, &meeting, MACHINES, NULL, count_credit, given, &err);
    dup2(saved, STDOUT_FILENO);
    memset(line, '\n', LEN);
    for (int i = 0; i < PLAN_CREDIT_MOST / LEN; i++) {
        console_output(root_console(root), 1, line, LEN);
        console_output(root_console(root), 2, line, i < 10 ? LEN : 0);
        console_pump(root_console(root));
    }
    ck_assert_uint_gt(given[1], PLAN_CREDIT_MOST / 64 * 62);
    ck_assert_uint_eq(given[2], 0);
    root_close(root);
    free(line);
}
END_TEST

START_TEST(the_missing_are_known)
{
    struct root *root = open_root();
    const int *missing;
    int n;

    ck_assert(!root_complete(root, -1));
    come(root, 1);
    come(root, 1);
    missing = root_missing(root, &n);
    ck_assert_int_eq(n, 2);
    ck_assert_int_eq(missing[0] + missing[1], 0 + 2);
    ck_assert(!root_complete(root, 2));
    come(root, 0);
    ck_assert(root_complete(root, 2));
    ck_assert(!root_complete(root, 1));
    ck_assert(!root_complete(root, -1));
    come(root, 2);
    ck_assert(root_complete(root, -1));
    ck_assert_ptr_nonnull(root_missing(root, &n));
    ck_assert_int_eq(n, 0);
    root_close(root);
}
END_TEST

START_TEST(what_many_machines_say_is_folded)
{
    struct notices notices = {0};
    char line[80], host[20];

    for (int i = 0; i < 1000; i++) {
        snprintf(host, sizeof(host), i % 2 ? "vm%d" : "gpu-%x", i);
        snprintf(line, sizeof(line), "dgl-mpilaunch: warning: %s: no log files\n", host);
        ck_assert(notices_take(&notices, host, line, 100) == (i < KINDS_SAID));
    }
    ck_assert(notices_take(&notices, "vm1", "dgl-mpilaunch: another on vm1\n", 100));
    notices_tell(&notices, 200, hear, NULL);
    said_is("");
    notices_tell(&notices, 2100, hear, NULL);
    said_is("dgl-mpilaunch: 996 more lines like this: warning: gpu-4: no log files\n");
    ck_assert(!notices_take(&notices, host, line, 3000));
    notices_tell(&notices, CLOCK_NEVER, hear, NULL);
    said_is(line);
    notices_tell(&notices, CLOCK_NEVER, hear, NULL);
    said_is("");
    for (int i = 0; i < 10000; i++) { /* all of another kind */
        snprintf(line, sizeof(line), "%c%c%c\n", 'a' + i / 676, 'a' + i / 26 % 26, 'a' + i % 26);
        notices_take(&notices, "vm0", line, 0);
    }
    ck_assert_int_eq(notices.kinds.count, KINDS_MOST);
    notices_free(&notices);
}
END_TEST

UNIT_MAIN("root", credit_comes_back_in_parts, the_missing_are_known,
          what_many_machines_say_is_folded, late_servers_are_named_ever_more_seldom,
          a_trainer_that_does_not_end_is_named_ever_more_seldom, many_are_counted)
