/* console: rank 0's stdout and stderr, written without ever blocking. Knows no MPI and no format
 * but whole lines.
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
#include "base/mem.h"

enum { STREAM_OUT, STREAM_ERR, STREAMS };

/* Whole lines of one sender for one stream. */
struct chunk {
    struct chunk *next;
    int from; /* -1: our own */
    int stream;
    size_t len, done;
    char bytes[];
};

struct console {
    int fd[STREAMS];
    bool is_socket[STREAMS];
    bool may_block[STREAMS]; /* could not be opened anew: written in small pieces, when poll says so
                              */
    bool is_terminal;
    struct chunk *first, **tail;
    int64_t progress;
    void (*written)(void *arg, int from, size_t len);
    void *arg;
};

/* A description of our own with O_NONBLOCK. A regular file never blocks and must keep its shared
 * offset; a socket cannot be opened anew, but takes MSG_DONTWAIT. */
static int open_anew(int fd, bool *is_socket, bool *may_block)
{
    char path[32];
    struct stat st;
    int anew;

    *is_socket = *may_block = false;
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
        return fd;
    *is_socket = S_ISSOCK(st.st_mode);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    anew = *is_socket ? -1 : open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    *may_block = anew < 0 && !*is_socket;
    return anew < 0 ? fd : anew;
}

struct console *console_open(void (*written)(void *arg, int from, size_t len), void *arg)
{
    struct console *c = mem_calloc(1, sizeof(*c));

    for (int s = 0; s < STREAMS; s++)
        c->fd[s] = open_anew(s == STREAM_OUT ? STDOUT_FILENO : STDERR_FILENO, &c->is_socket[s],
                             &c->may_block[s]);
    c->is_terminal = isatty(STDERR_FILENO);
    c->tail = &c->first;
    c->progress = clock_ms();
    c->written = written;
    c->arg = arg;
    return c;
}

static void queue(struct console *c, int stream, int from, const char *lines, size_t len)
{
    struct chunk *chunk = mem_calloc(1, sizeof(*chunk) + len);

    if (!c->first)
        c->progress = clock_ms();
    chunk->from = from;
    chunk->stream = stream;
    chunk->len = len;
    memcpy(chunk->bytes, lines, len);
    *c->tail = chunk;
    c->tail = &chunk->next;
}

void console_output(struct console *c, int from, const char *lines, size_t len)
{
    if (len)
        queue(c, STREAM_OUT, from, lines, len);
}

void console_say(struct console *c, const char *line)
{
    queue(c, STREAM_ERR, -1, line, strlen(line));
}

static bool is_writable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};

    return poll(&entry, 1, 0) > 0;
}

static ssize_t write_some(struct console *c, const struct chunk *chunk)
{
    const char *at = chunk->bytes + chunk->done;
    size_t left = chunk->len - chunk->done;

    if (c->is_socket[chunk->stream])
        return send(c->fd[chunk->stream], at, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (c->may_block[chunk->stream]) {
        if (!is_writable(c->fd[chunk->stream])) {
            errno = EAGAIN;
            return -1;
        }
        left = left < PIPE_BUF ? left : PIPE_BUF; /* that much fits when poll says POLLOUT */
    }
    return write(c->fd[chunk->stream], at, left);
}

static void drop_first(struct console *c)
{
    struct chunk *chunk = c->first;

    c->first = chunk->next;
    if (!c->first)
        c->tail = &c->first;
    free(chunk);
}

void console_pump(struct console *c)
{
    while (c->first) {
        ssize_t n = write_some(c, c->first);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        c->progress = clock_ms();
        /* a reader that is gone (EPIPE, EIO) takes nothing any more: the bytes count as written,
         * so that the job goes on */
        c->first->done = n < 0 ? c->first->len : c->first->done + (size_t)n;
        if (c->first->done < c->first->len)
            continue;
        if (c->first->from >= 0)
            c->written(c->arg, c->first->from, c->first->len);
        drop_first(c);
    }
}

static size_t lines_in(const struct chunk *chunk)
{
    size_t n = 0;

    for (size_t i = 0; i < chunk->len; i++)
        n += chunk->bytes[i] == '\n';
    return n;
}

size_t console_drop_output(struct console *c)
{
    size_t lines = 0;

    c->tail = &c->first;
    while (*c->tail) {
        struct chunk *chunk = *c->tail;

        if (chunk->from < 0 || chunk->done) {
            c->tail = &chunk->next;
            continue;
        }
        lines += lines_in(chunk);
        *c->tail = chunk->next;
        free(chunk);
    }
    return lines;
}

bool console_pending(const struct console *c)
{
    return c->first;
}

struct pollfd console_poll(const struct console *c)
{
    return (struct pollfd){.fd = c->first ? c->fd[c->first->stream] : -1, .events = POLLOUT};
}

int64_t console_progress(const struct console *c)
{
    return c->first ? c->progress : clock_ms();
}

bool console_is_terminal(const struct console *c)
{
    return c->is_terminal;
}

void console_close(struct console *c)
{
    while (c->first)
        drop_first(c);
    for (int stream = 0; stream < STREAMS; stream++)
        if (c->fd[stream] > STDERR_FILENO)
            close(c->fd[stream]);
    free(c);
}
