/* link: the keeper's end of the socketpair. Turns messages into events and what happens here into
 * messages; knows when nobody listens any more. Never blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/failure.h"
#include "keeper/link.h"
#include "keeper/machine.h"
#include "keeper/rank.h"
#include "wire/pack.h"

#define READ_PIECE   65536
#define READ_ROUNDS  64
#define LAST_WORDS_S 3

void link_send(struct machine *m, enum message_type type, const void *data, size_t len)
{
    if (!m->rank_gone)
        message_frame(&m->out, type, data, len);
}

void link_send_u32(struct machine *m, enum message_type type, uint32_t value)
{
    struct buf payload = {0};

    pack_u32(&payload, value);
    link_send(m, type, payload.data, payload.len);
    buf_free(&payload);
}

void link_send_cause(struct machine *m, enum message_type type, struct cause *cause, int64_t since)
{
    struct buf payload = {0};

    cause->age_ms = clock_ms() - since;
    message_pack_cause(&payload, cause);
    link_send(m, type, payload.data, payload.len);
    buf_free(&payload);
}

void link_send_folder(struct machine *m, const struct folder *folder)
{
    struct buf payload = {0};

    message_pack_folder(&payload, folder);
    link_send(m, MESSAGE_FOLDER, payload.data, payload.len);
    buf_free(&payload);
    link_write(m);
}

void link_say(struct machine *m, const char *text)
{
    link_send(m, MESSAGE_NOTICE, text, strlen(text));
}

static int64_t milliseconds(const struct timeval *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

static int64_t since_began(const struct machine *m, int64_t at)
{
    return at < 0 || m->began < 0 ? -1 : at - m->began;
}

/* log is borrowed from the output. */
static void fill_process(const struct machine *m, const struct child *child,
                         struct process_outcome *out)
{
    bool ended = child->end >= 0;

    *out = (struct process_outcome){
        .role = child->plan->role,
        .id = child->plan->id,
        .pid = child->pid,
        .start_ms = since_began(m, child->start),
        .ready_ms = since_began(m, child->ready),
        .end_ms = since_began(m, child->end),
        .exit_code = ended && WIFEXITED(child->status) ? WEXITSTATUS(child->status) : -1,
        .signal = ended && WIFSIGNALED(child->status) ? WTERMSIG(child->status) : 0,
        .stopped = child->stopped,
        .max_rss_kb = child->usage.ru_maxrss,
        .user_ms = milliseconds(&child->usage.ru_utime),
        .sys_ms = milliseconds(&child->usage.ru_stime),
        .log = m->output == NULL ? NULL : (char *)output_log(m->output, child->stream),
    };
}

void link_send_outcome(struct machine *m)
{
    const struct slice *slice = m->slice;
    struct outcome outcome = {.machine = slice == NULL ? -1 : slice->machine,
                              .rank = -1,
                              .host = m->host,
                              .ip = slice == NULL ? NULL : slice->ip,
                              .port = slice == NULL ? 0 : slice->port,
                              .cpus = slice == NULL ? 0 : slice->cpus,
                              .n_processes = m->n,
                              .unkilled = m->unkilled,
                              .warnings = m->warnings,
                              .cause = m->cause};
    struct buf payload = {0};

    if (m->cause != NULL)
        m->cause->age_ms = clock_ms() - m->failed_at;
    for (size_t i = 0; i < m->warnings.n; i++)
        m->warnings.items[i].age_ms += clock_ms();
    outcome.processes = mem_calloc((size_t)m->n + 1, sizeof *outcome.processes);
    for (int i = 0; i < m->n; i++)
        fill_process(m, &m->children[i], &outcome.processes[i]);
    message_pack_outcome(&payload, &outcome);
    link_send(m, MESSAGE_OUTCOME, payload.data, payload.len);
    free(outcome.processes);
    buf_free(&payload);
}

/* One write; without waiting for a reader that is gone too. */
static void say(int fd, const char *line)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};

    if (fd >= 0 && poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT) &&
        write(fd, line, strlen(line)) < 0)
        return;
}

/* MPICH notices a dead rank only when nobody holds its descriptors [measured]: stderr is let go of
 * at once. */
static void let_go_of_stderr(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd >= 0) {
        dup2(fd, STDERR_FILENO);
        close(fd);
    }
}

void link_write_last_words(const struct machine *m)
{
    char *path;
    int fd;

    if (m->last_words == NULL || m->slice == NULL || m->slice->log_dir == NULL)
        return;
    signal(SIGALRM, SIG_DFL); /* nobody else would end us, if the folder hangs */
    alarm(LAST_WORDS_S);
    path = output_log_path(m->slice->log_dir, m->host, "launcher");
    fd = output_log_open(path);
    say(fd, m->last_words);
    if (fd >= 0)
        close(fd);
    free(path);
}

void link_say_alone(struct machine *m, char *line)
{
    say(STDERR_FILENO, line);
    free(m->last_words);
    m->last_words = line;
}

static void lost(struct machine *m)
{
    bool left_alone, had_processes;

    if (m->rank_gone)
        return;
    left_alone = m->stage != STAGE_IDLE && !m->may_leave && m->last_words == NULL;
    had_processes = m->stage != STAGE_IDLE && m->stage != STAGE_OVER;
    m->rank_gone = true;
    m->out.len = 0;
    if (m->output != NULL)
        output_mute(m->output);
    /* killed while it ended the job: by a second Ctrl-C, and nobody waits for us any more */
    machine_event(m, m->told && !m->origin.escalates ? EVENT_HURRY : EVENT_FAIL);
    if (left_alone)
        link_say_alone(m, mem_printf("dgl-mpilaunch: %s: the rank of this machine has died%s\n",
                                     m->host, had_processes ? "; ending its processes" : ""));
    let_go_of_stderr();
}

static int take_plan(struct machine *m, const char *data, size_t len)
{
    if (m->stage == STAGE_OVER && m->reported)
        machine_again(m);
    if (m->slice != NULL || (m->slice = message_unpack_slice(data, len)) == NULL)
        return -1;
    rank_watch(m);
    snprintf(m->host, sizeof m->host, "%s", m->slice->host == NULL ? "" : m->slice->host);
    m->n = m->slice->n_processes;
    m->children = mem_calloc((size_t)m->n + 1, sizeof *m->children);
    m->servers = mem_calloc((size_t)m->n + 1, sizeof *m->servers);
    for (int i = 0; i < m->n; i++) {
        const struct process_plan *plan = &m->slice->processes[i];

        m->children[i] =
            (struct child){.plan = plan, .stream = -1, .start = -1, .ready = -1, .end = -1};
        if (plan->role == ROLE_SERVER)
            m->servers[m->n_servers++].port = plan->port;
    }
    return 0;
}

/* A GO that a stop has overtaken is for a stage that is gone. */
static int take_go(struct machine *m, struct unpack *payload)
{
    static const enum stage from[] = {
        [GO_SERVERS] = STAGE_IDLE, [GO_TRAINERS] = STAGE_LISTENING, [GO_DRAIN] = STAGE_ENDED};
    uint32_t go = unpack_u32(payload), port = unpack_u32(payload);

    if (payload->bad || go > GO_DRAIN || port > UINT16_MAX || m->slice == NULL)
        return -1;
    if (m->stage != from[go])
        return 0;
    if (go == GO_TRAINERS)
        m->master_port = (int)port;
    machine_event(m, EVENT_GO);
    return 0;
}

/* A message that is one number. */
static int take_number(struct machine *m, enum message_type type, struct unpack *payload)
{
    uint32_t value = unpack_u32(payload);

    if (payload->bad)
        return -1;
    if (type == MESSAGE_STOP)
        machine_told_to_stop(m, value != 0);
    else if (type == MESSAGE_PREEMPT)
        machine_preempt(m, (int)value);
    else if (m->output != NULL)
        output_credit(m->output, value);
    return 0;
}

static int take(struct machine *m, enum message_type type, const char *data, size_t len)
{
    struct unpack payload = {data, len, false};

    switch (type) {
    case MESSAGE_PLAN: return take_plan(m, data, len);
    case MESSAGE_GO: return take_go(m, &payload);
    case MESSAGE_STOP:
    case MESSAGE_CREDIT:
    case MESSAGE_PREEMPT: return take_number(m, type, &payload);
    case MESSAGE_PING: link_send(m, MESSAGE_PONG, NULL, 0); return 0;
    case MESSAGE_LEAVE: m->may_leave = true; return 0;
    default: return -1;
    }
}

static void take_all(struct machine *m)
{
    enum message_type type;
    const char *data;
    size_t len;
    int rc;

    while ((rc = message_next(&m->in, &type, &data, &len)) == 1) {
        rc = take(m, type, data, len);
        buf_consume(&m->in, MESSAGE_HEADER + len);
        if (rc != 0)
            break;
    }
    if (rc < 0) {
        m->in.len = 0;
        failure_raise(m, failure_about(m, -1, HOW_LAUNCHER, 0, EXIT_LAUNCHER,
                                       "the rank sent its keeper a message that cannot be read"));
    }
}

void link_read(struct machine *m)
{
    for (int round = 0; round < READ_ROUNDS && !m->rank_gone; round++) {
        ssize_t n = read(m->socket, buf_reserve(&m->in, READ_PIECE), READ_PIECE);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0) {
            take_all(m); /* LEAVE may be the last word */
            lost(m);
            return;
        }
        m->in.len += (size_t)n;
        rank_heard(m);
    }
    take_all(m);
}

void link_write(struct machine *m)
{
    size_t at = 0;

    while (at < m->out.len && !m->rank_gone) {
        ssize_t n = send(m->socket, m->out.data + at, m->out.len - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            lost(m);
            return;
        }
        at += (size_t)n;
    }
    buf_consume(&m->out, at);
}
