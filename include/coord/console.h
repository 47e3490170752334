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

enum { CONSOLE_STREAMS = 2 };

/* Takes over stdout and stderr: opens each anew through /proc/self/fd, so that O_NONBLOCK is not
 * set on a description that is shared with a terminal. written is called when len bytes that came
 * from `from` have left. The caller frees by console_close. */
struct console *console_open(void (*written)(void *arg, int from, size_t len), void *arg);

/* Queues whole lines for stdout. from: the rank they came from. */
void console_output(struct console *c, int from, const char *lines, size_t len);

/* Queues one whole line of our own for stderr. It waits for nothing that is queued for stdout. */
void console_say(struct console *c, const char *line);

/* Writes what can be written now. What a reader that is gone (a closed pipe, a terminal that hung
 * up) would have got counts as written; so does what the file system refuses, which is said once by
 * log_warning. */
void console_pump(struct console *c);

/* Is something queued, for either stream? */
bool console_pending(const struct console *c);

/* Are other processes' lines queued? */
bool console_output_pending(const struct console *c);

/* One entry for poll(2) a stream; its fd is -1 when nothing is queued for that stream. */
void console_poll(const struct console *c, struct pollfd entries[CONSOLE_STREAMS]);

/* When bytes last left for a stream that has something queued: whether the reader still reads. Now,
 * when nothing is queued. */
int64_t console_progress(const struct console *c);

/* Drops what is queued of other processes' lines; a line that has begun to leave stays, and so do
 * our own. Returns how many lines were dropped. */
size_t console_drop_output(struct console *c);

/* Is stderr, where our own lines go, a terminal? */
bool console_is_terminal(const struct console *c);

/* Drops what is still queued, without calling written. */
void console_close(struct console *c);

#endif
