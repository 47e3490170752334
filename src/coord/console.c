/* console: rank 0's stdout and stderr, each with a queue of its own, written without ever blocking.
 * Knows no MPI and no format but whole lines.
 */
#include "coord/console.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { STREAM_OUT, STREAM_ERR };

/* Whole lines of one sender. */
struct chunk {
    struct chunk *next;
    int from; /* -1: our own */
    size_t len, done;
    char bytes[];
};

struct stream {
    int fd;
    bool is_socket;
    bool may_block; /* could not be opened anew: written in small pieces, when poll says so */
    bool is_terminal;
    bool told; /* why it cannot be written */
    struct chunk *first, **tail;
    int64_t progress;
};

struct console {
    struct stream streams[CONSOLE_STREAMS];
    void (*written)(void *arg, int from, size_t len);
    void *arg;
};

/* Opens a description of our own with O_NONBLOCK. A regular file stays as it is: it never blocks,
 * and must keep its shared offset. A socket cannot be opened anew, but takes MSG_DONTWAIT. */
static void open_anew(struct stream *s, int fd)
{
    char path[32];
    struct stat st;
    int anew;

    s->fd = fd;
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
        return;
    s->is_socket = S_ISSOCK(st.st_mode);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    anew = s->is_socket ? -1 : open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    s->may_block = anew < 0 && !s->is_socket;
    if (anew >= 0)
        s->fd = anew;
}

struct console *console_open(void (*written)(void *arg, int from, size_t len), void *arg)
{
    struct console *c = mem_calloc(1, sizeof(*c));

    for (int i = 0; i < CONSOLE_STREAMS; i++) {
        struct stream *s = &c->streams[i];

        open_anew(s, i == STREAM_OUT ? STDOUT_FILENO : STDERR_FILENO);
        s->is_terminal = isatty(s->fd);
        s->tail = &s->first;
        s->progress = clock_ms();
    }
    c->written = written;
    c->arg = arg;
    return c;
}

static void queue(struct stream *s, int from, const char *lines, size_t len)
{
    struct chunk *chunk = mem_calloc(1, sizeof(*chunk) + len);

    if (!s->first)
        s->progress = clock_ms();
    chunk->from = from;
    chunk->len = len;
    memcpy(chunk->bytes, lines, len);
    *s->tail = chunk;
    s->tail = &chunk->next;
}

void console_output(struct console *c, int from, const char *lines, size_t len)
{
    if (len)
        queue(&c->streams[STREAM_OUT], from, lines, len);
}

void console_say(struct console *c, const char *line)
{
    queue(&c->streams[STREAM_ERR], -1, line, strlen(line));
}

static bool is_writable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};

    return poll(&entry, 1, 0) > 0;
}

static ssize_t write_some(const struct stream *s)
{
    const char *at = s->first->bytes + s->first->done;
    size_t left = s->first->len - s->first->done;

    if (s->is_socket)
        return send(s->fd, at, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (s->may_block) {
        if (!is_writable(s->fd)) {
            errno = EAGAIN;
            return -1;
        }
        left = left < PIPE_BUF ? left : PIPE_BUF; /* that much fits when poll says POLLOUT */
    }
    return write(s->fd, at, left);
}

static void drop_first(struct stream *s)
{
    struct chunk *chunk = s->first;

    s->first = chunk->next;
    if (!s->first)
        s->tail = &s->first;
    free(chunk);
}

/* A reader that has closed a pipe or a terminal wants no more; a full disk is told. */
static bool is_reader_gone(const struct stream *s, int error)
{
    return error == EPIPE || error == ECONNRESET || (error == EIO && s->is_terminal);
}

static void tell_lost(struct console *c, struct stream *s, int error)
{
    if (s->told || is_reader_gone(s, error))
        return;
    s->told = true;
    log_warning("standard %s cannot be written: %s; the job goes on, and what does not fit there "
                "is lost",
                s == &c->streams[STREAM_OUT] ? "output" : "error", strerror(error));
}

static void pump(struct console *c, struct stream *s)
{
    while (s->first) {
        ssize_t n = write_some(s);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0)
            tell_lost(c, s, errno);
        s->progress = clock_ms();
        /* what cannot be written counts as written, so that the job goes on */
        s->first->done = n < 0 ? s->first->len : s->first->done + (size_t)n;
        if (s->first->done < s->first->len)
            continue;
        if (s->first->from >= 0)
            c->written(c->arg, s->first->from, s->first->len);
        drop_first(s);
    }
}

void console_pump(struct console *c)
{
    for (int i = 0; i < CONSOLE_STREAMS; i++)
        pump(c, &c->streams[i]);
}

static size_t lines_in(const char *bytes, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += bytes[i] == '\n';
    return n;
}

/* Drops the lines of a chunk that have not begun to leave. Returns how many. */
static size_t cut_begun(struct chunk *chunk)
{
    const char *begun = chunk->bytes + chunk->done - 1;
    const char *end = memchr(begun, '\n', chunk->len - chunk->done + 1);
    size_t keep = end ? (size_t)(end - chunk->bytes) + 1 : chunk->len;
    size_t lines = lines_in(chunk->bytes + keep, chunk->len - keep);

    chunk->len = keep;
    return lines;
}

size_t console_drop_output(struct console *c)
{
    struct stream *s = &c->streams[STREAM_OUT];
    size_t lines = 0;

    if (!s->first)
        return 0;
    if (s->first->done)
        lines += cut_begun(s->first);
    s->tail = s->first->done ? &s->first->next : &s->first;
    while (*s->tail) {
        struct chunk *chunk = *s->tail;

        lines += lines_in(chunk->bytes, chunk->len);
        *s->tail = chunk->next;
        free(chunk);
    }
    if (s->first && s->first->done == s->first->len)
        drop_first(s);
    return lines;
}

bool console_output_pending(const struct console *c)
{
    return c->streams[STREAM_OUT].first;
}

bool console_pending(const struct console *c)
{
    for (int i = 0; i < CONSOLE_STREAMS; i++)
        if (c->streams[i].first)
            return true;
    return false;
}

void console_poll(const struct console *c, struct pollfd entries[CONSOLE_STREAMS])
{
    for (int i = 0; i < CONSOLE_STREAMS; i++) {
        const struct stream *s = &c->streams[i];

        entries[i] = (struct pollfd){.fd = s->first ? s->fd : -1, .events = POLLOUT};
    }
}

int64_t console_progress(const struct console *c)
{
    int64_t last = -1;

    for (int i = 0; i < CONSOLE_STREAMS; i++)
        if (c->streams[i].first && c->streams[i].progress > last)
            last = c->streams[i].progress;
    return last < 0 ? clock_ms() : last;
}

bool console_is_terminal(const struct console *c)
{
    return c->streams[STREAM_ERR].is_terminal;
}

void console_close(struct console *c)
{
    for (int i = 0; i < CONSOLE_STREAMS; i++) {
        while (c->streams[i].first)
            drop_first(&c->streams[i]);
        if (c->streams[i].fd > STDERR_FILENO)
            close(c->streams[i].fd);
    }
    free(c);
}
