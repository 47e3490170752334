/* tail: a ring of the last lines, each cut to a bound, so that memory is the same whatever is
 * printed. Knows no process and no prefix.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "keeper/tail.h"

/* A carriage return begins the line anew: what stands behind the progress bar is kept, not the
 * bar. */
static void append(struct tail_line *line, const char *data, size_t len)
{
    size_t at = text_last_state(data, len), end = len;

    while (end > at && data[end - 1] == '\r')
        end--;
    if (!line->text)
        line->text = mem_calloc(TAIL_CUT, 1);
    if (at > 0 || (line->returned && end > at))
        line->len = 0;
    line->returned = end < len || (line->returned && end == at);
    data += at;
    len = end - at;
    if (len > TAIL_CUT - line->len)
        len = TAIL_CUT - line->len;
    memcpy(line->text + line->len, data, len);
    line->len += len;
}

static void begin_line(struct tail_line *line)
{
    line->len = 0;
    line->returned = false;
}

/* Skips lines that would be pushed out by later ones of the same piece. */
static const char *skip_old(const char *data, size_t len)
{
    const char *end = data + len;

    for (int i = 0; i <= TAIL_LINES; i++) {
        const char *newline = memrchr(data, '\n', (size_t)(end - data));

        if (!newline)
            return data;
        end = newline;
    }
    return end + 1;
}

void tail_add(struct tail *tail, const char *data, size_t len)
{
    const char *at = skip_old(data, len), *end = data + len;

    if (at != data)
        begin_line(&tail->lines[tail->at]);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        append(&tail->lines[tail->at], at, (size_t)((newline ? newline : end) - at));
        if (!newline)
            return;
        tail->at = (tail->at + 1) % TAIL_SLOTS;
        begin_line(&tail->lines[tail->at]);
        if (tail->whole < TAIL_LINES)
            tail->whole++;
        at = newline + 1;
    }
}

static void add_line(struct strv *v, const struct tail_line *line)
{
    char text[TAIL_CUT + 1];

    for (size_t i = 0; i < line->len; i++)
        text[i] = (char)(line->text[i] == '\0' ? '?' : line->text[i]);
    text[line->len] = '\0';
    strv_add(v, text);
}

void tail_lines(const struct tail *tail, struct strv *v)
{
    bool grows = tail->lines[tail->at].len > 0;
    size_t whole = grows && tail->whole == TAIL_LINES ? TAIL_LINES - 1 : tail->whole;

    for (size_t i = whole; i > 0; i--)
        add_line(v, &tail->lines[(tail->at + TAIL_SLOTS - i) % TAIL_SLOTS]);
    if (grows)
        add_line(v, &tail->lines[tail->at]);
}

void tail_free(struct tail *tail)
{
    for (size_t i = 0; i < TAIL_SLOTS; i++)
        free(tail->lines[i].text);
    *tail = (struct tail){0};
}
