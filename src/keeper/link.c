/* link: what a keeper sends to its rank, and says where there is none any more. Never blocks.
 */
#include "keeper/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/doing.h"
#include "keeper/logfile.h"
#include "keeper/will.h"
#include "wire/outcome.h"
#include "wire/pack.h"

void link_send(struct machine *m, enum message_type type, const void *data, size_t len)
{
    if (m->rank.state != RANK_GONE)
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

void link_warn(struct machine *m, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = mem_vprintf(format, args);
    va_end(args);
    warnings_add(&m->warnings, text, -clock_ms());
    free(text);
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
        .max_rss_kb = ended ? child->usage.ru_maxrss : -1,
        .user_ms = ended ? milliseconds(&child->usage.ru_utime) : -1,
        .sys_ms = ended ? milliseconds(&child->usage.ru_stime) : -1,
        .peak = child->peak,
        .log = m->output ? (char *)output_log(m->output, child->stream) : NULL,
    };
}

/* Their ages count from this moment. */
static struct warnings warnings_now(const struct machine *m)
{
    struct warnings now = {.items = mem_calloc(m->warnings.n + 1, sizeof(*now.items)),
                           .n = m->warnings.n};

    for (size_t i = 0; i < now.n; i++)
        now.items[i] =
            (struct warning){m->warnings.items[i].text, m->warnings.items[i].age_ms + clock_ms()};
    return now;
}

struct outcome link_outcome(const struct machine *m)
{
    const struct slice *slice = m->slice;
    struct outcome outcome = {.machine = slice ? slice->machine : -1,
                              .rank = -1,
                              .host = (char *)m->host,
                              .ip = slice ? slice->ip : NULL,
                              .port = slice ? slice->port : 0,
                              .cpus = slice ? slice->cpus : 0,
                              .n_processes = m->n,
                              .memory_kb = m->sampling.memory_kb,
                              .shm_kb = m->sampling.shm_kb,
                              .curve = m->sampling.curve,
                              .unkilled = m->unkilled,
                              .warnings = warnings_now(m)};

    outcome.processes = mem_calloc((size_t)m->n + 1, sizeof(*outcome.processes));
    for (int i = 0; i < m->n; i++)
        fill_process(m, &m->children[i], &outcome.processes[i]);
    return outcome;
}

void link_outcome_free(struct outcome *outcome)
{
    outcome_forget_now(outcome);
    free(outcome->processes);
    free(outcome->warnings.items);
}

void link_send_outcome(struct machine *m)
{
    struct outcome outcome = link_outcome(m);
    struct buf payload = {0};

    outcome.cause = m->cause;
    if (m->cause)
        m->cause->age_ms = clock_ms() - m->failed_at;
    message_pack_outcome(&payload, &outcome);
    link_send(m, MESSAGE_OUTCOME, payload.data, payload.len);
    link_outcome_free(&outcome);
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

void link_write_last_words(struct machine *m)
{
    struct logs_file file;
    char *path;

    if (!m->last_words || !m->slice || !m->slice->log_dir)
        return;
    path = logfile_path(m->slice->log_dir, m->host, "launcher");
    logs_open(&m->logs, &file, path, 0);
    logs_write(&m->logs, &file, m->last_words, strlen(m->last_words));
    logs_close(&m->logs, &file);
    free(path);
}

void link_say_alone(struct machine *m, char *line)
{
    say(STDERR_FILENO, line);
    free(m->last_words);
    m->last_words = line;
}

void link_lost(struct machine *m)
{
    bool left_alone, had_processes;

    if (m->rank.state == RANK_GONE)
        return;
    left_alone = m->stage != STAGE_IDLE && m->rank.state != RANK_DONE && !m->last_words;
    had_processes = m->stage != STAGE_IDLE && m->stage != STAGE_OVER;
    if (m->rank.state != RANK_DONE && !doing_rank_has_left())
        will_open(m);
    m->rank.state = RANK_GONE;
    m->timers[TIMER_FLUSH] = 0; /* nobody gives credit any more */
    m->out.len = 0;
    if (m->output)
        output_mute(m->output);
    /* the rank was killed while it ended the job, by a second Ctrl-C: nobody waits for us any
     * more */
    state_add(m, m->told && !m->origin.escalates ? EVENT_HURRY : EVENT_FAIL);
    if (left_alone)
        link_say_alone(m, mem_printf("dgl-mpilaunch: %s: the rank of this machine has died%s\n",
                                     m->host, had_processes ? "; ending its processes" : ""));
    let_go_of_stderr();
}

/* Before the rank was gone it may have said something: rank_read finds that, and then the end of
 * the file. */
void link_write(struct machine *m)
{
    size_t at = 0;

    while (at < m->out.len) {
        ssize_t n = send(m->socket, m->out.data + at, m->out.len - at, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        at = n < 0 ? m->out.len : at + (size_t)n;
    }
    buf_consume(&m->out, at);
}
