/* text: foreign bytes made fit for a terminal, for JSON and for HTML; numbers among them. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Appends one line that does nothing to a terminal: control characters (line breaks too; a tab
 * stays), bidirectional overrides and bytes that are no UTF-8 become \n, \xNN or \uNNNN. About
 * `most` bytes at most; what is cut off is shown as "...". NULL is "". */
void text_harmless(struct buf *out, const char *text, size_t most);

/* As text_harmless, but cuts a text that is too long in its middle: a sentence with a long path
 * keeps its end, which is the reason. */
void text_harmless_ends(struct buf *out, const char *text, size_t most);

/* As text_harmless, but each line break is kept and followed by `indent`. */
void text_harmless_lines(struct buf *out, const char *text, const char *indent, size_t most);

/* Appends what stands between the quotes of a JSON string: valid UTF-8, each byte that is none as
 * U+FFFD, and control characters, '"' and '\\' escaped. NULL is "". */
void text_json(struct buf *out, const char *text);

/* Appends valid UTF-8 with HTML's five characters as entities and control characters, but for tab
 * and line break, as U+FFFD. NULL is "". */
void text_html(struct buf *out, const char *text);

/* For a line that a program rewrites by carriage returns, such as a progress bar: where the state
 * begins that a terminal would show in the end. That is behind the last \r which is followed by a
 * byte other than \r; 0 when there is none. */
size_t text_last_state(const char *line, size_t len);

/* The number that all len bytes of text spell in decimal digits. -1: they spell none, or one that
 * is larger than max, which is at most 2^56. */
long text_number(const char *text, size_t len, long max);

enum {
    TEXT_EXCERPT = 60,                        /* bytes that an excerpt shows at most */
    TEXT_EXCERPT_SIZE = 4 * TEXT_EXCERPT + 4, /* all of them as \xNN, "..." and the NUL */
};

/* Writes the first bytes of text into out for an error's text, those that are no printable ASCII as
 * \xNN, and "..." where something is left out. Returns out. */
char *text_excerpt(char out[TEXT_EXCERPT_SIZE], const char *text, size_t len);

/* The ending of a noun behind that number: "" or "s". */
const char *text_plural(size_t n);

/* KiB as GiB. */
double text_gib(int64_t kb);

#endif
