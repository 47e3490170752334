/* logs: puts frames into the ring and counts what it has no room for. */
#include "keeper/logs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/scribe.h"

enum {
    SPARE = 256 << 10,                             /* of the ring, for frames that are not data */
    RESUME_FROM = RING_SIZE / 4,                   /* after a gap, so that gaps are few and long */
    RESUME_FREE = RING_SIZE / 2 + RESUME_FROM,     /* with so much free, each file has that */
    PIECE = LOGS_PIECE + sizeof(struct ring_frame) /* what one call of logs_write needs */
};

void logs_begin(struct logs *logs, int fd, struct ring *ring)
{
    *logs = (struct logs){.fd = ring ? fd : -1, .ring = ring, .moved = clock_ms()};
}

int logs_next(struct logs *logs, int *number, int *error)
{
    struct scribe_news news;
    ssize_t n;

    while (logs->fd >= 0) {
        n = recv(logs->fd, &news, sizeof(news), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n != (ssize_t)sizeof(news)) {
            close(logs->fd);
            logs->fd = -1;
            return -1;
        }
        if (news.file < 0)
            continue;
        *number = news.file;
        *error = news.error;
        return 1;
    }
    return 0;
}

int64_t logs_still_for(struct logs *logs, int64_t now)
{
    uint64_t taken = ring_taken(logs->ring);

    if (taken != logs->taken || ring_free(logs->ring) == RING_SIZE)
        logs->moved = now;
    logs->taken = taken;
    return now - logs->moved;
}

size_t logs_under_way(struct logs *logs)
{
    if (logs->fd < 0)
        return 0;
    ring_want(logs->ring, RING_SIZE); /* before the look, so that nothing happens in between */
    return RING_SIZE - ring_free(logs->ring);
}

/* The scribe sleeps when it has nothing to do. */
static void wake(const struct logs *logs)
{
    if (send(logs->fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* it has been woken already, or is gone, which logs_next tells */
}

static bool put(struct logs *logs, enum scribe_frame kind, const struct logs_file *file,
                const void *data, size_t len)
{
    struct ring_frame frame = {.kind = kind, .file = (uint32_t)file->number, .len = (uint32_t)len};

    logs_still_for(logs, clock_ms()); /* notices that there was nothing to do until now */
    if (!ring_put(logs->ring, &frame, data))
        return false;
    wake(logs);
    return true;
}

void logs_open(struct logs *logs, struct logs_file *file, const char *path, int64_t limit)
{
    struct buf data = {0};

    *file = (struct logs_file){.path = mem_strdup(path), .number = -1};
    if (logs->fd < 0)
        return;
    file->number = logs->files++;
    buf_add(&data, &limit, sizeof(limit));
    buf_add(&data, path, strlen(path));
    if (!put(logs, FRAME_OPEN, file, data.data, data.len)) {
        file->number = -1;
        file->error = ETIMEDOUT;
    }
    buf_free(&data);
}

/* For data of that file: it may have as much under way as is left free. So one alone may have half
 * of the ring, and whoever prints little always finds room beside those that print a lot. */
static size_t room(const struct logs *logs, const struct logs_file *file)
{
    size_t left = ring_free(logs->ring);
    size_t used = ring_under_way(logs->ring, (uint32_t)file->number) + SPARE;

    return left > used ? left - used : 0;
}

bool logs_may_write(struct logs *logs, const struct logs_file *file)
{
    if (file->number < 0 || logs->fd < 0 || file->dropping || room(logs, file) >= PIECE)
        return true;
    if (logs_still_for(logs, clock_ms()) >= LOGS_PATIENCE_MS)
        return true;
    ring_want(logs->ring, RESUME_FREE);
    return room(logs, file) >= PIECE;
}

static uint64_t count_lines(const char *data, size_t len)
{
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += data[i] == '\n';
    return n;
}

static void drop(struct logs_file *file, const char *data, size_t len)
{
    uint64_t n = count_lines(data, len);

    file->dropping = true;
    file->missing += n;
    file->missing_here += n;
}

/* false: there is no room even for that. */
static bool tell_missing(struct logs *logs, struct logs_file *file)
{
    uint64_t n = file->missing_here > 0 ? file->missing_here : 1;
    char *text =
        mem_printf("%s... %llu line%s missing here: the file system did not answer in time\n",
                   file->mid_line ? "\n" : "", (unsigned long long)n, n == 1 ? " is" : "s are");
    bool done = put(logs, FRAME_DATA, file, text, strlen(text));

    free(text);
    if (!done)
        return false;
    file->missing_here = 0;
    file->mid_line = file->dropping = false;
    return true;
}

void logs_write(struct logs *logs, struct logs_file *file, const char *data, size_t len)
{
    const char *newline;
    size_t rest = 0;

    if (file->number < 0 || logs->fd < 0 || len == 0)
        return;
    if (file->dropping) { /* to the end of a line */
        newline = memchr(data, '\n', len);
        if (!newline || room(logs, file) < RESUME_FROM) {
            drop(file, data, len);
            return;
        }
        rest = (size_t)(newline - data) + 1;
        drop(file, data, rest);
        if (!tell_missing(logs, file)) {
            drop(file, data + rest, len - rest);
            return;
        }
    }
    if (rest == len)
        return;
    if (sizeof(struct ring_frame) + len - rest > room(logs, file) ||
        !put(logs, FRAME_DATA, file, data + rest, len - rest)) {
        drop(file, data + rest, len - rest);
        return;
    }
    file->mid_line = data[len - 1] != '\n';
}

void logs_end(struct logs *logs, struct logs_file *file)
{
    if (file->dropping && file->number >= 0 && logs->fd >= 0)
        tell_missing(logs, file);
}

void logs_close(struct logs *logs, struct logs_file *file)
{
    if (file->number >= 0 && logs->fd >= 0)
        put(logs, FRAME_CLOSE, file, NULL, 0);
    free(file->path);
    file->path = NULL;
    file->number = -1;
}
