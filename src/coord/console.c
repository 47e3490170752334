/* console: rank 0's stdout and stderr, each with a queue of its own, written without ever blocking.
 * Knows no MPI and no format but whole lines.
 *
 * The bytes of all senders stand one after the other in blocks, so that a process that prints short
 * lines costs no memory for each, and many lines leave in one write. Whose they are stands beside
 * them, 8 bytes for each change of the sender.
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

enum {
    BLOCK = 65536,
    GIVE = 16384 /* bytes that have left before their sender is told, while more of it waits */
};

struct block {
    struct block *next;
    size_t len, done;
    char bytes[BLOCK];
};

/* So many bytes of one sender. */
struct part {
    int from; /* -1: our own */
    uint32_t len;
};

struct stream {
    int fd;
    bool is_socket;
    bool may_block; /* could not be opened anew: written in small pieces, when poll says so */
    bool is_terminal;
    bool told;  /* why it cannot be written */
    bool begun; /* the last byte that has left does not end its line */
    struct block *first, *last;
    struct part *parts; /* of all bytes that have not left, from part on, and of `owed` more */
    size_t n_parts, part, capacity;
    uint32_t owed; /* bytes of the first part that have left without a word to their sender */
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
        s->progress = clock_ms();
    }
    c->written = written;
    c->arg = arg;
    return c;
}

static void add_block(struct stream *s)
{
    struct block *block = mem_realloc(NULL, 1, sizeof(*block)); /* its bytes need not be zero */

    block->next = NULL;
    block->len = block->done = 0;
    if (s->last)
        s->last->next = block;
    else
        s->first = block;
    s->last = block;
}

static void add_bytes(struct stream *s, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room = s->last ? BLOCK - s->last->len : 0;
        size_t n = len < room ? len : room;

        if (!room) {
            add_block(s);
            continue;
        }
        memcpy(s->last->bytes + s->last->len, bytes, n);
        s->last->len += n;
        bytes += n;
        len -= n;
    }
}

static bool fits(const struct part *part, int from, size_t len)
{
    return part->from == from && len <= UINT32_MAX - part->len;
}

static void add_part(struct stream *s, int from, size_t len)
{
    if (s->n_parts > s->part && fits(&s->parts[s->n_parts - 1], from, len)) {
        s->parts[s->n_parts - 1].len += (uint32_t)len;
        return;
    }
    if (s->n_parts == s->capacity && s->part > s->capacity / 2) { /* so that it does not creep */
        s->n_parts -= s->part;
        memmove(s->parts, s->parts + s->part, s->n_parts * sizeof(*s->parts));
        s->part = 0;
    }
    s->parts = mem_grow(s->parts, s->n_parts, &s->capacity, sizeof(*s->parts));
    s->parts[s->n_parts++] = (struct part){from, (uint32_t)len};
}

static void queue(struct stream *s, int from, const char *lines, size_t len)
{
    if (!s->first)
        s->progress = clock_ms();
    add_bytes(s, lines, len);
    add_part(s, from, len);
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

static void drop_first(struct stream *s)
{
    struct block *block = s->first;

    s->first = block->next;
    if (!s->first)
        s->last = NULL;
    free(block);
}

static void tell_written(struct console *c, struct stream *s)
{
    if (s->owed > 0 && s->parts[s->part].from >= 0)
        c->written(c->arg, s->parts[s->part].from, s->owed);
    s->owed = 0;
}

/* len bytes of the first block have left. */
static void took(struct console *c, struct stream *s, size_t len)
{
    struct block *block = s->first;

    if (len == 0)
        return;
    block->done += len;
    s->begun = block->bytes[block->done - 1] != '\n';
    if (block->done == block->len)
        drop_first(s);
    while (len > 0) {
        struct part *part = &s->parts[s->part];
        uint32_t n = len < part->len ? (uint32_t)len : part->len;

        part->len -= n;
        s->owed += n;
        len -= n;
        if (part->len == 0 || s->owed >= GIVE)
            tell_written(c, s);
        if (part->len == 0)
            s->part++;
    }
    if (s->part == s->n_parts)
        s->part = s->n_parts = 0;
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
        took(c, s, n < 0 ? s->first->len - s->first->done : (size_t)n);
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

/* Cuts the queue behind the line that has begun to leave. Returns how many bytes stay; *lines: how
 * many lines in the block where it ends do not. */
static size_t cut_begun(struct stream *s, size_t *lines)
{
    size_t kept = 0;

    for (struct block *b = s->first; b; b = b->next) {
        const char *at = b->bytes + b->done;
        size_t left = b->len - b->done, keep = 0;
        const char *end = memchr(at, '\n', left);

        if (s->begun)
            keep = end ? (size_t)(end - at) + 1 : left;
        kept += keep;
        if (s->begun && !end)
            continue;
        *lines += lines_in(at + keep, left - keep);
        b->len = b->done + keep;
        s->last = b;
        break;
    }
    return kept;
}

/* Whose the first len bytes are stays known. */
static void cut_parts(struct stream *s, size_t len)
{
    size_t i = s->part;

    if (len == 0)
        s->part = i = s->owed = 0;
    for (; len > 0; i++) {
        if (s->parts[i].len > len)
            s->parts[i].len = (uint32_t)len;
        len -= s->parts[i].len;
    }
    s->n_parts = i;
}

size_t console_drop_output(struct console *c)
{
    struct stream *s = &c->streams[STREAM_OUT];
    struct block *rest;
    size_t lines = 0;

    if (!s->first)
        return 0;
    cut_parts(s, cut_begun(s, &lines));
    rest = s->last->next;
    s->last->next = NULL;
    while (rest) {
        struct block *block = rest;

        lines += lines_in(block->bytes, block->len);
        rest = block->next;
        free(block);
    }
    if (s->first->done == s->first->len) /* then it is the last one too */
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
        free(c->streams[i].parts);
        if (c->streams[i].fd > STDERR_FILENO)
            close(c->streams[i].fd);
    }
    free(c);
}
