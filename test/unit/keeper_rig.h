/* keeper_rig: plays the coordinator for a real keeper over its socketpair, with slices made by hand
 * and the fake workload (FAKE in the environment, else ./fake). That nothing is left is proved by a
 * marker in the environment of every process. For one test program: its state is static.
 */
#ifndef TEST_KEEPER_RIG_H
#define TEST_KEEPER_RIG_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/procfs.h"
#include "keeper/keeper.h"
#include "report/sentence.h"
#include "unit.h"
#include "wire/message.h"
#include "wire/outcome.h"
#include "wire/pack.h"
#include "wire/slice.h"
#include "wire/waiting.h"

enum { PATIENCE_MS = 30000 };

static char fake[PATH_MAX], folder[UNIT_PATH], marker[64];
static int base_port;
static struct keeper keeper;
static struct scribe scribe;
static struct slice *slice;

/* What the keeper has said. */
static struct {
    struct buf in, output, notices;
    struct waiting waiting; /* the last */
    struct cause *failed, *left;
    struct outcome outcome, state; /* state: the last answer to ASK */
    struct folder job_dir;
    bool reached[STAGE_COUNT], eof, answered;
    bool no_credit; /* do not give back what was printed */
} seen;

static void setup(void)
{
    unit_folder(folder, "/tmp");
    setenv("TMPDIR", folder, 1); /* another launcher would sweep what a dead keeper leaves */
    snprintf(marker, sizeof(marker), "TEST_KEEPER_MARK=%d.%lld", getpid(), (long long)clock_ms());
    base_port = 20000 + getpid() % 10000 * 4 % 12000;
    memset(&seen, 0, sizeof(seen));
}

/* For a second keeper in one test. */
static inline void forget(void)
{
    cause_free(seen.failed);
    cause_free(seen.left);
    outcome_clear(&seen.outcome);
    outcome_clear(&seen.state);
    folder_clear(&seen.job_dir);
    buf_free(&seen.in);
    buf_free(&seen.output);
    buf_free(&seen.notices);
    memset(&seen, 0, sizeof(seen));
}

static void process(enum role role, int id, int port, const char *ids)
{
    struct process_plan *plan;

    slice->processes = mem_realloc(slice->processes, (size_t)slice->n_processes + 1, sizeof(*plan));
    plan = &slice->processes[slice->n_processes++];
    *plan = (struct process_plan){.role = role, .id = id, .local = id, .port = port};
    strv_add(&plan->env, ids);
}

static bool escalates; /* as keeper_fork is told */
static int slices;     /* so that each job has a folder of its own */

/* A machine with that many of each, which runs the fake with these clauses (NULL at the end). */
static void make_slice(int servers, int trainers, ...)
{
    char *config = mem_printf("127.0.0.1 %d\n", base_port);
    char *path = mem_printf("%s/ip_config.txt", folder), text[64];
    struct err err = {0};
    va_list clauses;

    slice = mem_calloc(1, sizeof(*slice));
    slice->machines = 1;
    slice->job_id = mem_printf("test-%d-%d", (int)getpid(), ++slices);
    slice->host = mem_strdup("vm0");
    slice->ip = mem_strdup("127.0.0.1");
    slice->port = base_port;
    slice->workspace = mem_strdup(folder);
    slice->ip_config = mem_strdup("ip_config.txt");
    slice->log_dir = mem_printf("%s/logs", folder);
    ck_assert_int_eq(file_make_folders(slice->log_dir, 0755, &err), 0); /* as check.c does */
    slice->exit_timeout_ms = 20000;
    slice->kill_grace_ms = 300;
    strv_add(&slice->set, marker);
    strv_add(&slice->set, /* the fake dies as it is told */
             "ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:detect_leaks=0:disable_coredump=0");
    strv_add(&slice->set, "DGL_IP_CONFIG=ip_config.txt");
    strv_addf(&slice->set, "DGL_NUM_SERVER=%d", servers);
    strv_addf(&slice->set, "DGL_NUM_CLIENT=%d", trainers);
    strv_add(&slice->argv, fake);
    va_start(clauses, trainers);
    for (const char *clause; (clause = va_arg(clauses, const char *));)
        strv_add(&slice->argv, clause);
    va_end(clauses);
    for (int i = 0; i < servers; i++) {
        snprintf(text, sizeof(text), "DGL_SERVER_ID=%d", i);
        process(ROLE_SERVER, i, base_port + i, text);
        strv_add(&slice->processes[i].env, "DGL_ROLE=server");
    }
    for (int i = 0; i < trainers; i++) {
        snprintf(text, sizeof(text), "RANK=%d", i);
        process(ROLE_TRAINER, i, 0, text);
        strv_add(&slice->processes[servers + i].env, "DGL_ROLE=client");
        strv_add(&slice->processes[servers + i].env, "MASTER_PORT={master_port}");
    }
    ck_assert_int_eq(file_write(path, config, strlen(config), &err), 0);
    free(path);
    free(config);
}

/* That many samplers of the launcher's own, which run the fake with this clause. */
static inline void add_samplers(int n, const char *clause)
{
    char text[64];

    slice->sampler_command = mem_printf("exec '%s' '%s'", fake, clause);
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "DGL_JOB_SAMPLER_ID=%d", i);
        process(ROLE_SAMPLER, i, 0, text);
        strv_add(&slice->processes[slice->n_processes - 1].env, "DGL_ROLE=sampler");
    }
}

static void send_frame(enum message_type type, const void *data, size_t len)
{
    struct buf out = {0};

    message_frame(&out, type, data, len);
    for (size_t at = 0; at < out.len;) {
        ssize_t n = send(keeper.fd, out.data + at, out.len - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            continue;
        if (n < 0)
            break;
        at += (size_t)n;
    }
    buf_free(&out);
}

static void send_two(enum message_type type, uint32_t one, uint32_t two)
{
    struct buf payload = {0};

    pack_u32(&payload, one);
    if (type == MESSAGE_GO)
        pack_u32(&payload, two);
    send_frame(type, payload.data, payload.len);
    buf_free(&payload);
}

static void send_plan(void)
{
    struct buf payload = {0};

    message_pack_slice(&payload, slice);
    send_frame(MESSAGE_PLAN, payload.data, payload.len);
    buf_free(&payload);
}

static void start_keeper(void)
{
    struct err err = {0};

    ck_assert_msg(scribe_fork(&scribe, &err) == 0, "%s", err.text);
    ck_assert_msg(keeper_fork(&keeper, &scribe, escalates, &err) == 0, "%s", err.text);
    send_plan();
}

static void on_frame(enum message_type type, const char *data, size_t len)
{
    struct unpack payload = {data, len, false};

    switch (type) {
    case MESSAGE_REACHED: seen.reached[unpack_u32(&payload)] = true; break;
    case MESSAGE_WAITING:
        ck_assert_int_eq(message_unpack_waiting(data, len, &seen.waiting), 0);
        break;
    case MESSAGE_NOTICE:
        buf_add(&seen.notices, data, len);
        buf_add(&seen.notices, "|", 1);
        break;
    case MESSAGE_FAILED:
        ck_assert_ptr_null(seen.failed);
        seen.failed = message_unpack_cause(data, len);
        ck_assert_ptr_nonnull(seen.failed);
        break;
    case MESSAGE_FOLDER:
        folder_clear(&seen.job_dir);
        ck_assert_int_eq(message_unpack_folder(data, len, &seen.job_dir), 0);
        break;
    case MESSAGE_PONG: seen.answered = true; break;
    case MESSAGE_LEFT: seen.left = message_unpack_cause(data, len); break;
    case MESSAGE_OUTPUT:
        buf_add(&seen.output, data, len);
        if (!seen.no_credit)
            send_two(MESSAGE_CREDIT, (uint32_t)len, 0);
        break;
    case MESSAGE_STATE:
        unpack_u32(&payload);
        outcome_clear(&seen.state);
        ck_assert_int_eq(message_unpack_outcome(payload.at, payload.left, &seen.state), 0);
        break;
    case MESSAGE_OUTCOME:
        ck_assert_int_eq(message_unpack_outcome(data, len, &seen.outcome), 0);
        break;
    default: ck_abort_msg("message %d", (int)type);
    }
}

static void read_frames(void)
{
    enum message_type type;
    const char *data;
    size_t len;
    ssize_t n = read(keeper.fd, buf_reserve(&seen.in, 65536), 65536);

    if (n == 0)
        seen.eof = true;
    if (n > 0)
        seen.in.len += (size_t)n;
    while (message_next(&seen.in, &type, &data, &len) == 1) {
        on_frame(type, data, len);
        buf_consume(&seen.in, MESSAGE_HEADER + len);
    }
}

/* The failure that the keeper has told of; "" if none. */
static inline const char *failure_told(void)
{
    static struct buf text;

    text.len = 0;
    if (seen.failed)
        report_sentence(&text, seen.failed);
    buf_add(&text, "", 1);
    return text.data;
}

/* Runs until the condition holds. */
#define until(condition)                                                                           \
    do {                                                                                           \
        int64_t until_end = clock_ms() + PATIENCE_MS;                                              \
        while (!(condition)) {                                                                     \
            struct pollfd until_entry = {.fd = keeper.fd, .events = POLLIN};                       \
            ck_assert_msg(clock_ms() < until_end, "never: " #condition "; %s", failure_told());    \
            if (poll(&until_entry, 1, 20) > 0)                                                     \
                read_frames();                                                                     \
        }                                                                                          \
    } while (0)

static bool count_marked(void *arg, pid_t pid)
{
    char text[65536];
    size_t len = procfs_read(pid, "environ", text, sizeof(text));

    *(int *)arg += memmem(text, len, marker, strlen(marker)) != NULL;
    return false;
}

/* How many live processes have our marker in their environment. */
static int left_over(void)
{
    int n = 0;

    procfs_each(count_marked, &n);
    return n;
}

static bool exists(const char *name)
{
    char *path = file_join(folder, name);
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

static inline char *content(const char *name)
{
    return unit_content(folder, name);
}

/* The keeper leaves, and nothing lives any more. */
static void finish(void)
{
    int status;

    until(seen.reached[STAGE_OVER]);
    ck_assert_int_eq(left_over(), 0);
    send_frame(MESSAGE_LEAVE, NULL, 0);
    ck_assert_int_eq(waitpid(keeper.pid, &status, 0), keeper.pid);
    ck_assert_int_eq(status, 0);
    scribe_leave(&scribe, PATIENCE_MS);
    slice_free(slice);
}

/* To the end of a good run, from when the trainers may go. */
static inline void drain(void)
{
    until(seen.reached[STAGE_ENDED]);
    send_two(MESSAGE_GO, STAGE_DRAIN, 0);
    finish();
}

static inline const struct process_outcome *outcome_of(enum role role, int id)
{
    for (int i = 0; i < seen.outcome.n_processes; i++) {
        if (seen.outcome.processes[i].role == role && seen.outcome.processes[i].id == id)
            return &seen.outcome.processes[i];
    }
    ck_abort_msg("no outcome of that process");
}

/* A keeper that has its plan. */
static void let_trainers_go(void)
{
    send_two(MESSAGE_GO, STAGE_SERVERS, 0);
    until(seen.reached[STAGE_LISTENING]);
    send_two(MESSAGE_GO, STAGE_TRAINERS, 12345);
}

static void go_until_trainers(void)
{
    start_keeper();
    let_trainers_go();
}

static int rig_run(const char *name, const TTest *const *tests, size_t n)
{
    const char *path = getenv("FAKE");

    if (!realpath(path ? path : "./fake", fake)) {
        fprintf(stderr, "the fake workload '%s' is missing\n", path ? path : "./fake");
        return 1;
    }
    return unit_run_plain(name, setup, tests, n);
}

#endif
