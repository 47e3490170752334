/* text: bytes that a child, a file name or another machine made up, changed so that a terminal, a
 * JSON parser and a browser can take them.
 */
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* The character at the front of text, which is not empty. Returns its bytes, or 0 when the first
 * byte begins no UTF-8 (RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF). */
static size_t decode(const char *text, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    size_t len = s[0] < 0x80       ? 1
                 : s[0] >> 5 == 6  ? 2
                 : s[0] >> 4 == 14 ? 3
                 : s[0] >> 3 == 30 ? 4
                                   : 0;
    uint32_t c = len == 1 ? s[0] : s[0] & (0xFFu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80) /* the final NUL too */
            return 0;
        c = c << 6 | (s[i] & 0x3F);
    }
    if (len > 1 && (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)))
        return 0;
    *character = c;
    return len;
}

static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\t') || (c >= 0x7F && c < 0xA0);
}

/* Does c make a terminal or browser show the text around it in another order or place? */
static bool moves_text(uint32_t c)
{
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
           c == 0x2029;
}

/* Appends the first character of text, made harmless; returns how many bytes of text it has. */
static size_t add_harmless(struct buf *out, const char *text)
{
    uint32_t c = 0;
    size_t len = decode(text, &c);

    if (len && !is_control(c) && !moves_text(c)) {
        buf_add(out, text, len);
        return len;
    }
    if (!len || c < 0x80)
        switch (*text) {
        case '\n': buf_add(out, "\\n", 2); return 1;
        case '\r': buf_add(out, "\\r", 2); return 1;
        default: buf_addf(out, "\\x%02x", (unsigned char)*text); return 1;
        }
    buf_addf(out, "\\u%04x", c);
    return len;
}

static void add_harmless_until(struct buf *out, const char *text, size_t len, size_t most)
{
    size_t start = out->len;

    for (size_t i = 0; i < len; i += add_harmless(out, text + i))
        if (out->len - start >= most) {
            buf_add(out, "...", 3);
            return;
        }
}

void text_harmless(struct buf *out, const char *text, size_t most)
{
    add_harmless_until(out, text, text ? strlen(text) : 0, most);
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

void text_harmless_ends(struct buf *out, const char *text, size_t most)
{
    struct buf all = {0};
    size_t len, front, end;

    text_harmless(&all, text, SIZE_MAX);
    len = all.len;
    front = end = len;
    if (len > most) {
        front = most / 2;
        end = len - most / 2;
    }
    while (front < len && is_inside_character(all.data[front]))
        front++;
    while (end < len && is_inside_character(all.data[end]))
        end++;
    buf_add(out, all.data, front);
    if (front < end)
        buf_add(out, "...", 3);
    buf_add(out, all.data + end, len - end);
    buf_free(&all);
}

void text_harmless_lines(struct buf *out, const char *text, const char *indent, size_t most)
{
    size_t end = out->len + most;

    while (text && *text) {
        size_t len = strcspn(text, "\n");

        add_harmless_until(out, text, len, end > out->len ? end - out->len : 0);
        if (!text[len] || out->len >= end)
            return;
        text += len + 1;
        if (*text)
            buf_addf(out, "\n%s", indent);
    }
}

/* How many bytes at the front of text stand in JSON as they are: printable ASCII. */
static size_t json_plain(const char *text)
{
    size_t n = 0;

    while (text[n] >= ' ' && text[n] <= '~' && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

void text_json(struct buf *out, const char *text)
{
    while (text && *text) {
        uint32_t c = 0;
        size_t plain = json_plain(text);
        size_t len = plain ? plain : decode(text, &c);

        if (!len)
            buf_add(out, REPLACEMENT, 3);
        else if (!plain && (c == '"' || c == '\\'))
            buf_addf(out, "\\%c", (char)c);
        else if (!plain && c < ' ')
            buf_addf(out, "\\u%04x", c);
        else
            buf_add(out, text, len);
        text += len ? len : 1;
    }
}

void text_html(struct buf *out, const char *text)
{
    while (text && *text) {
        uint32_t c = 0;
        size_t len = decode(text, &c);

        if (!len || (is_control(c) && c != '\n') || moves_text(c))
            buf_add(out, REPLACEMENT, 3);
        else if (c < 0x80 && strchr("&<>\"'", (int)c))
            buf_addf(out, "&#%u;", c);
        else
            buf_add(out, text, len);
        text += len ? len : 1;
    }
}

size_t text_last_state(const char *line, size_t len)
{
    const char *last = NULL;

    while (len && line[len - 1] == '\r')
        len--;
    if (len)
        last = memrchr(line, '\r', len);
    return last ? (size_t)(last - line) + 1 : 0;
}

long text_number(const char *text, size_t len, long max)
{
    long value = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
        if (value > max)
            return -1;
    }
    return len ? value : -1;
}

char *text_excerpt(char out[TEXT_EXCERPT_SIZE], const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len && i < TEXT_EXCERPT; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= ' ' && c < 0x7f)
            out[n++] = (char)c;
        else
            n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
    }
    memcpy(out + n, len > TEXT_EXCERPT ? "..." : "", len > TEXT_EXCERPT ? 4 : 1);
    return out;
}

const char *text_plural(size_t n)
{
    return n == 1 ? "" : "s";
}

double text_gib(int64_t kb)
{
    return (double)kb / 1024 / 1024;
}
