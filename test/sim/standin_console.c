/* standin_console: in the place of rank 0's console: a reader that takes everything, or pauses. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/console.h"
#include "standin.h"

struct chunk {
    struct chunk *next;
    int from; /* -1: our own */
    size_t len;
    char bytes[];
};

struct console {
    struct chunk *first, **tail;
    void (*written)(void *arg, int from, size_t len);
    void *arg;
    int64_t progress;
};

struct console *console_open(void (*written)(void *arg, int from, size_t len), void *arg)
{
    struct console *c = mem_calloc(1, sizeof(*c));

    c->tail = &c->first;
    c->written = written;
    c->arg = arg;
    c->progress = clock_ms();
    return c;
}

static void queue(struct console *c, int from, const char *lines, size_t len)
{
    struct chunk *chunk = mem_calloc(1, sizeof(*chunk) + len);

    if (!c->first)
        c->progress = clock_ms();
    chunk->from = from;
    chunk->len = len;
    memcpy(chunk->bytes, lines, len);
    *c->tail = chunk;
    c->tail = &chunk->next;
}

void console_output(struct console *c, int from, const char *lines, size_t len)
{
    if (len)
        queue(c, from, lines, len);
}

void console_say(struct console *c, const char *line)
{
    trace(standin_node(), "says %.*s", (int)strcspn(line, "\n"), line);
    queue(c, -1, line, strlen(line));
}

void console_pump(struct console *c)
{
    while (c->first && world.now >= standin_node()->reader_back) {
        struct chunk *chunk = c->first;

        c->first = chunk->next;
        if (!c->first)
            c->tail = &c->first;
        c->progress = clock_ms();
        if (chunk->from >= 0)
            c->written(c->arg, chunk->from, chunk->len);
        free(chunk);
    }
}

bool console_pending(const struct console *c)
{
    return c->first;
}

bool console_output_pending(const struct console *c)
{
    for (const struct chunk *chunk = c->first; chunk; chunk = chunk->next)
        if (chunk->from >= 0)
            return true;
    return false;
}

void console_poll(const struct console *c, struct pollfd entries[CONSOLE_STREAMS])
{
    for (int i = 0; i < CONSOLE_STREAMS; i++)
        entries[i] = (struct pollfd){.fd = c->first ? standin_fd(standin_node(), FD_CONSOLE) : -1,
                                     .events = POLLOUT};
}

int64_t console_progress(const struct console *c)
{
    return c->first ? c->progress : clock_ms();
}

size_t console_drop_output(struct console *c)
{
    struct chunk **place = &c->first;
    size_t n = 0;

    while (*place) {
        struct chunk *chunk = *place;

        if (chunk->from < 0) {
            place = &chunk->next;
            continue;
        }
        *place = chunk->next;
        free(chunk);
        n++;
    }
    c->tail = place;
    return n;
}

bool console_is_terminal(const struct console *c)
{
    (void)c;
    return false;
}

void console_close(struct console *c)
{
    (void)c;
}
