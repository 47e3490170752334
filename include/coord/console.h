/* console: rank 0's stdout and stderr, written without ever blocking. Knows lines and who sent
 * them, so that credit can go back to the sender when its bytes have left.
 */
#ifndef COORD_CONSOLE_H
#define COORD_CONSOLE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;

/* Takes over stdout and stderr: opens each anew through /proc/self/fd, so that O_NONBLOCK is not
 * set on a description that is shared with a terminal. written is called when len bytes that came
 * from `from` have left. The caller frees by console_close. */
struct console *console_open(void (*written)(void *arg, int from, size_t len), void *arg);

/* Queues whole lines for stdout. from: the rank they came from. */
void console_output(struct console *c, int from, const char *lines, size_t len);

/* Queues one whole line of our own for stderr, behind everything that is queued for stdout. */
void console_say(struct console *c, const char *line);

/* Writes what can be written now. */
void console_pump(struct console *c);

/* Is something queued? */
bool console_pending(const struct console *c);

/* The entry for poll(2) where the first queued bytes wait; its fd is -1 when nothing is queued. */
struct pollfd console_poll(const struct console *c);

/* When bytes last left, or when the queue was last empty: whether the reader still reads. */
int64_t console_progress(const struct console *c);

/* Drops what is queued of other processes' lines and has not begun to leave. Returns how many
 * lines; our own stay. */
size_t console_drop_output(struct console *c);

/* Is stderr, where our own lines go, a terminal? */
bool console_is_terminal(const struct console *c);

/* Drops what is still queued, without calling written. */
void console_close(struct console *c);

#endif
