/* output: pipes -> log files, console lines and last lines. Knows what a stream's process is
 * called, not what it is for, and nothing of sockets. Its log files are written by the scribe
 * (logs).
 *
 * A stream with a log file is read even when the console has no credit for it, after a moment of
 * patience that lets a burst through: its lines are counted and left out. A stream without one is
 * not read while its bytes wait for credit, so that its process waits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/plan.h"
#include "job/show.h"
#include "keeper/output_state.h"

enum {
    PIECE = LOGS_PIECE,  /* bytes read from a stream in its turn */
    DRAIN_MAX = 1 << 20, /* the largest pipe that an ordinary user may have */
    RESUME_PART = 4 /* of all credit: must be there after a gap, so that gaps are few and long */
};

/* Of the same length each time. */
static void set_stamp(struct output *o)
{
    struct timespec now;
    struct tm parts;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &parts);
    o->stamp_len = strftime(o->stamp, sizeof(o->stamp), "%H:%M:%S", &parts);
    o->stamp_len += (size_t)snprintf(o->stamp + o->stamp_len, sizeof(o->stamp) - o->stamp_len,
                                     ".%03d ", (int)(now.tv_nsec / 1000000));
}

struct output *output_open(const char *host, const char *log_dir, int attempt,
                           const struct output_sink *sink)
{
    struct output *o = mem_calloc(1, sizeof(*o));

    o->host = mem_strdup(host);
    o->log_dir = mem_strdup(log_dir);
    o->sink = *sink;
    o->attempt = attempt;
    o->credit = sink->credit;
    o->starved = o->settle_ends = CLOCK_NEVER;
    if (sink->timestamps)
        set_stamp(o);
    return o;
}

void output_close(struct output *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->n; i++) {
        struct stream *s = &o->streams[i];

        if (s->fd >= 0)
            close(s->fd);
        if (s->log.path)
            logs_close(o->sink.logs, &s->log);
        free(s->prefix);
        free(s->name);
        buf_free(&s->held);
        tail_free(&s->tail);
    }
    free(o->streams);
    free(o->host);
    free(o->log_dir);
    buf_free(&o->batch);
    free(o);
}

int output_add(struct output *o, enum role role, int id, int fd)
{
    struct stream *s;

    o->streams = mem_realloc(o->streams, (size_t)o->n + 1, sizeof(*o->streams));
    s = &o->streams[o->n];
    *s = (struct stream){.fd = fd, .log = {.number = -1}, .heard = clock_ms()};
    s->name = mem_printf("%s %d", role_name(role), id);
    s->prefix = mem_printf("[%s %s] ", o->host, s->name);
    s->prefix_len = strlen(s->prefix);
    s->is_sent = show_has(o->sink.show, role, id);
    if (o->log_dir)
        output_open_log(o, s, role_name(role), id);
    return o->n++;
}

int64_t output_heard(const struct output *o, int stream)
{
    return o->streams[stream].heard;
}

char *output_last_line(const struct output *o, int stream, size_t most)
{
    struct strv lines = {0};
    struct buf text = {0};

    tail_lines(&o->streams[stream].tail, &lines);
    if (lines.n > 0)
        text_harmless(&text, lines.items[lines.n - 1], most);
    strv_free(&lines);
    if (text.len > 0)
        buf_add(&text, "", 1);
    return text.data;
}

static void flush_batch(struct output *o)
{
    if (o->batch.len > 0 && !o->muted)
        o->sink.send(o->sink.arg, o->batch.data, o->batch.len);
    o->batch.len = 0;
}

static size_t cost_of(const struct output *o, const struct stream *s, size_t len)
{
    return o->stamp_len + s->prefix_len + len + 1;
}

static void emit(struct output *o, const struct stream *s, const char *line, size_t len)
{
    size_t cost = cost_of(o, s, len);
    char *to;

    if (o->batch.len + cost > OUTPUT_BATCH)
        flush_batch(o);
    if (o->sink.timestamps && o->batch.len == 0)
        set_stamp(o);
    to = buf_reserve(&o->batch, cost);
    memcpy(to, o->stamp, o->stamp_len);
    memcpy(to + o->stamp_len, s->prefix, s->prefix_len);
    memcpy(to + o->stamp_len + s->prefix_len, line, len);
    to[cost - 1] = '\n';
    o->batch.len += cost;
    o->credit -= (int64_t)cost;
}

static void tell_hidden(struct output *o, struct stream *s)
{
    const char *log = s->log.path;
    char *text;

    if (s->hidden == 0)
        return;
    text = mem_printf("... %llu line%s not shown here%s%s%s%s", (unsigned long long)s->hidden,
                      text_plural(s->hidden), log ? ", see " : "", log ? o->host : "",
                      log ? ":" : "", log ? log : "");
    emit(o, s, text, strlen(text));
    s->hidden = 0;
    free(text);
}

static bool is_patient(const struct output *o)
{
    return o->starved == CLOCK_NEVER || clock_ms() - o->starved < o->sink.patience_ms;
}

static bool may_resume(const struct output *o)
{
    return o->credit >= o->sink.credit / RESUME_PART;
}

/* Has the console caught up with all? Of the last part nobody tells. */
static bool is_caught_up(const struct output *o)
{
    return o->credit > o->sink.credit - o->sink.credit / PLAN_CREDIT_PARTS;
}

static bool is_muted(const struct output *o, const struct stream *s)
{
    return o->muted || !s->is_sent;
}

/* May a line be sent? Otherwise it is counted, or waits. The last one may take more than there is:
 * a line that is longer than all credit need not wait for ever, while others' short ones go. */
static bool allowed(struct output *o, struct stream *s)
{
    if (s->hidden > 0 ? may_resume(o) : o->credit > 0) {
        tell_hidden(o, s);
        return true;
    }
    if (o->starved == CLOCK_NEVER)
        o->starved = clock_ms();
    if (!output_has_log(o, s) || (s->hidden == 0 && is_patient(o)))
        s->waits = true;
    else
        s->hidden++;
    return false;
}

/* What is shown of held next: len bytes at `at`, and drop bytes are done with. */
struct piece {
    size_t at, len, drop;
};

/* The next line, without its newline; of one that is rewritten by \r its last state. False: not
 * whole yet. A newline that stands right behind OUTPUT_LINE bytes still ends them. */
static bool next_line(const char *data, size_t len, bool last, struct piece *line)
{
    const char *newline = len == 0 ? NULL : memchr(data, '\n', len);
    size_t end = newline ? (size_t)(newline - data) : len;

    line->at = text_last_state(data, end);
    line->len = end - line->at;
    line->drop = newline ? end + 1 : end;
    if (line->len > OUTPUT_LINE) {
        line->len = OUTPUT_LINE;
        line->drop = line->at + OUTPUT_LINE;
        return true;
    }
    while (line->len > 0 && data[line->at + line->len - 1] == '\r')
        line->len--;
    return newline || (last && len > 0);
}

/* Keeps only the last state of a line that is not whole, and shows it when it is time. */
static void show_bar(struct output *o, struct stream *s, int64_t now)
{
    struct piece state;

    if (s->held.len == 0 || next_line(s->held.data, s->held.len, false, &state))
        return;
    if (memchr(s->held.data, '\r', s->held.len))
        s->is_bar = true;
    if (state.at > 0)
        s->shown = 0;
    buf_consume(&s->held, state.at);
    if (state.len == 0) /* returns alone: nothing to show */
        s->shown = s->held.len;
    if (!s->is_bar || s->shown == s->held.len || now < s->bar_at)
        return;
    s->bar_at = now + OUTPUT_BAR_MS;
    if (is_muted(o, s) || s->hidden > 0 || o->credit <= 0)
        return; /* a later one will do */
    emit(o, s, s->held.data, state.len);
    s->shown = s->held.len;
}

static bool bar_is_due(const struct stream *s, int64_t now)
{
    return s->is_bar && !s->waits && s->held.len > s->shown && now >= s->bar_at;
}

/* Is this line the bar's last state, which was shown already, and its newline? */
static bool is_shown(const struct stream *s, const struct piece *line)
{
    return s->shown > 0 && line->at == 0 && line->drop <= s->shown + 1;
}

/* Moves whole lines out of held. last: what has no newline is a line too. */
static void show(struct output *o, struct stream *s, bool last)
{
    struct piece line;
    size_t at = 0;

    s->waits = false;
    while (next_line(s->held.data + at, s->held.len - at, last, &line)) {
        bool is_news = at > 0 || !is_shown(s, &line);

        if (is_news && !is_muted(o, s) && allowed(o, s))
            emit(o, s, s->held.data + at + line.at, line.len);
        if (s->waits)
            break;
        at += line.drop;
    }
    if (at > 0) {
        s->is_bar = false;
        s->shown = 0;
    }
    buf_consume(&s->held, at);
    if (!s->waits)
        show_bar(o, s, clock_ms());
}

/* One read into held. False: nothing there now, or the end. */
static bool read_piece(struct output *o, struct stream *s)
{
    char *into = buf_reserve(&s->held, PIECE);
    ssize_t n;

    if (s->fd < 0)
        return false;
    do
        n = read(s->fd, into, PIECE);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        close(s->fd);
        s->fd = -1;
        return false;
    }
    s->held.len += (size_t)n;
    s->heard = clock_ms();
    if (s->log.number >= 0)
        logs_write(o->sink.logs, &s->log, into, (size_t)n);
    tail_add(&s->tail, into, (size_t)n);
    return true;
}

size_t output_poll(struct output *o, struct pollfd *entries)
{
    size_t n = 0;

    for (int i = 0; i < o->n; i++) {
        struct stream *s = &o->streams[i];

        if (s->fd < 0 || s->waits || !output_log_has_room(o, s))
            continue;
        s->entry = n;
        entries[n++] = (struct pollfd){.fd = s->fd, .events = POLLIN};
    }
    return n;
}

/* What was not polled has an entry that is another's, or none. */
static bool is_ready(const struct pollfd *entries, size_t n, const struct stream *s)
{
    return s->entry < n && entries[s->entry].fd == s->fd && entries[s->entry].revents != 0;
}

void output_pump(struct output *o, const struct pollfd *entries, size_t n)
{
    for (int i = 0; i < o->n; i++) {
        struct stream *s = &o->streams[(o->next + i) % o->n];

        if (s->fd < 0 || s->waits || !is_ready(entries, n, s))
            continue;
        read_piece(o, s);
        show(o, s, s->fd < 0);
    }
    o->next = o->n == 0 ? 0 : (o->next + 1) % o->n;
    flush_batch(o);
}

int64_t output_deadline(const struct output *o)
{
    int64_t first = o->settle_ends, now = clock_ms(), end;

    for (int i = 0; i < o->n; i++) {
        const struct stream *s = &o->streams[i];

        if (s->fd >= 0 && !s->waits && !output_log_has_room(o, s)) {
            end = now + LOGS_PATIENCE_MS - logs_still_for(o->sink.logs, now);
            first = end < first ? end : first;
        }

        if (o->starved != CLOCK_NEVER && s->waits && output_has_log(o, s) &&
            o->starved + o->sink.patience_ms < first)
            first = o->starved + o->sink.patience_ms;
        if (bar_is_due(s, CLOCK_NEVER) && s->bar_at < first)
            first = s->bar_at;
    }
    return first;
}

void output_tick(struct output *o, int64_t now)
{
    if (now < output_deadline(o))
        return;
    for (int i = 0; i < o->n; i++) {
        if (o->streams[i].waits)
            show(o, &o->streams[i], o->streams[i].fd < 0);
        if (bar_is_due(&o->streams[i], now))
            show_bar(o, &o->streams[i], now);
    }
    flush_batch(o);
}

void output_credit(struct output *o, uint32_t bytes)
{
    o->credit += bytes;
    if (o->credit > o->sink.credit)
        o->credit = o->sink.credit; /* some was for an earlier attempt's lines */
    if (is_caught_up(o))
        o->starved = CLOCK_NEVER;
    for (int i = 0; i < o->n; i++) {
        struct stream *s = &o->streams[(o->next + i) % o->n];

        if (s->hidden > 0 && may_resume(o))
            tell_hidden(o, s);
        if (s->waits)
            show(o, s, s->fd < 0);
    }
    flush_batch(o);
}

void output_last_lines(struct output *o, int stream, struct strv *v)
{
    struct stream *s;

    if (stream < 0 || stream >= o->n)
        return;
    s = &o->streams[stream];
    for (size_t got = 0; got < DRAIN_MAX && read_piece(o, s); got += PIECE) {
        if (output_has_log(o, s))
            show(o, s, false);
    }
    show(o, s, s->fd < 0);
    flush_batch(o);
    tail_lines(&s->tail, v);
}

static uint64_t count_lines(const struct buf *held)
{
    struct piece line;
    uint64_t n = 0;

    for (size_t at = 0; next_line(held->data + at, held->len - at, true, &line); at += line.drop)
        n++;
    return n;
}

/* A process outside our tree may hold the pipe for ever: what is in it now is all. */
static bool finish_stream(struct output *o, struct stream *s, bool force)
{
    bool more = true;

    for (size_t got = 0; more && (!s->waits || force); got += PIECE) {
        if (!force && !output_log_has_room(o, s))
            return false;
        more = got < DRAIN_MAX && read_piece(o, s);
        show(o, s, !more);
        if (s->waits && force) {
            s->hidden += count_lines(&s->held);
            s->held.len = 0;
        }
    }
    if (s->waits && !force)
        return false;
    if (!is_muted(o, s))
        tell_hidden(o, s);
    return true;
}

bool output_finish(struct output *o, bool force)
{
    bool done = true;

    if (o->settle_from > 0)
        return true;
    for (int i = 0; i < o->n; i++)
        done = finish_stream(o, &o->streams[i], force) && done;
    flush_batch(o);
    return done;
}

void output_mute(struct output *o)
{
    o->muted = true;
    for (int i = 0; i < o->n; i++)
        show(o, &o->streams[i], o->streams[i].fd < 0);
}
