/* text: foreign bytes made fit for a terminal, for JSON and for HTML. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Appends one line that does nothing to a terminal: control characters (line breaks too; a tab
 * stays), bidirectional overrides and bytes that are no UTF-8 become \n, \xNN or \uNNNN. About
 * `most` bytes at most; what is cut off is shown as "...". NULL is "". */
void text_harmless(struct buf *out, const char *text, size_t most);

/* As text_harmless, but what is left out, where it is too long, is in the middle: a sentence with a
 * long path keeps its end, which is the reason. */
void text_harmless_ends(struct buf *out, const char *text, size_t most);

/* As text_harmless, but each line break is kept and followed by `indent`. */
void text_harmless_lines(struct buf *out, const char *text, const char *indent, size_t most);

/* A copy where each byte that is no UTF-8 has become U+FFFD; the caller frees. NULL is NULL. */
char *text_utf8(const char *text);

/* Appends valid UTF-8 with HTML's five characters as entities and control characters, but for tab
 * and line break, as U+FFFD. NULL is "". */
void text_html(struct buf *out, const char *text);

/* A line that a program rewrites by carriage returns, as progress bars are: where what a terminal
 * would show at last begins, that is behind the last \r which another byte than \r follows. 0 when
 * there is none. */
size_t text_last_state(const char *line, size_t len);

#endif
