/* tail: a ring of the last lines, each cut to a bound, so that memory is the same whatever is
 * printed. Knows no process and no prefix.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "keeper/tail.h"

static void append(struct tail_line *line, const char *data, size_t len)
{
    if (line->text == NULL)
        line->text = mem_calloc(TAIL_CUT, 1);
    if (len > TAIL_CUT - line->len)
        len = TAIL_CUT - line->len;
    memcpy(line->text + line->len, data, len);
    line->len += len;
}

/* Skips lines that would be pushed out by later ones of the same piece. */
static const char *skip_old(const char *data, size_t len)
{
    const char *end = data + len;

    for (int i = 0; i <= TAIL_LINES; i++) {
        const char *newline = memrchr(data, '\n', (size_t)(end - data));

        if (newline == NULL)
            return data;
        end = newline;
    }
    return end + 1;
}

void tail_add(struct tail *tail, const char *data, size_t len)
{
    const char *at = skip_old(data, len), *end = data + len;

    if (at != data)
        tail->lines[tail->at].len = 0;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        append(&tail->lines[tail->at], at, (size_t)((newline == NULL ? end : newline) - at));
        if (newline == NULL)
            return;
        tail->at = (tail->at + 1) % TAIL_SLOTS;
        tail->lines[tail->at].len = 0;
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
