/* output: what the processes print: complete log files, whole prefixed lines for the console within
 * a credit, and the last lines for the cause. Memory is bounded whatever is printed.
 *
 * Log files get every byte, as long as their file system answers (logs.h). The console and the
 * cause get of a line that is rewritten by carriage returns (a progress bar) its last state alone;
 * the console gets it before its newline comes too, once in OUTPUT_BAR_MS at most.
 */
#ifndef KEEPER_OUTPUT_H
#define KEEPER_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"
#include "job/role.h"
#include "keeper/logs.h"

enum {
    /* How long a process with a log file may be held up for credit, until the console has caught up
     * with all of it again: a burst is shown whole, a slow reader costs lines and not time. */
    OUTPUT_PATIENCE_MS = 1000,
    /* How often the last state of a line is shown that grows by carriage returns: a progress bar.
     */
    OUTPUT_BAR_MS = 1000,
    OUTPUT_SETTLE_MS = 5000, /* the end waits so long for log files while nothing is written */
    OUTPUT_BATCH = 32768,    /* bytes of lines given to send at once, at most */
    OUTPUT_LINE = 8192       /* a longer line is cut into lines of their own */
};

struct output;

struct output_sink {
    void (*send)(void *arg, const char *lines, size_t len); /* whole prefixed lines */
    void (*warn)(void *arg, const char *sentence);          /* what a log file lacks, and why */
    void *arg;
    int patience_ms;   /* OUTPUT_PATIENCE_MS; 0: none */
    struct logs *logs; /* the log files are written by; NULL only without log_dir */
    const char *show;  /* whose lines are sent (job/show.h); borrowed */
    bool timestamps;   /* each line begins with the time */
    int64_t log_size;  /* bytes, then a log file is rotated; 0: never */
    int64_t credit;    /* so many console bytes, prefixes included, and one more line may be under
                          way */
};

/* host stands in prefixes and log names, the number of an attempt after the first (0) in log names.
 * log_dir NULL: no log files; it must exist. */
struct output *output_open(const char *host, const char *log_dir, int attempt,
                           const struct output_sink *sink);
void output_close(struct output *o);

/* Takes over fd, a process's stdout and stderr: read end of a pipe, non-blocking. Returns the
 * stream's number, from 0 upwards. */
int output_add(struct output *o, enum role role, int id, int fd);

/* The stream's log file, owned by o, or NULL. */
const char *output_log(const struct output *o, int stream);

/* When the stream last printed something; at first, when it was added. */
int64_t output_heard(const struct output *o, int stream);

/* Fills entries for poll(2) with the streams that may be read now; returns how many, at most one a
 * stream. Call output_pump with the same entries afterwards. */
size_t output_poll(struct output *o, struct pollfd *entries);

/* Reads a bounded piece of each stream that is ready, in turn, and sends what the credit allows. */
void output_pump(struct output *o, const struct pollfd *entries, size_t n);

/* More may be sent. */
void output_credit(struct output *o, uint32_t bytes);

/* When a process that is held up has been so for too long, or a progress bar may be shown again, or
 * CLOCK_NEVER; then output_tick lets it go on, and shows the bar. */
int64_t output_deadline(const struct output *o);
void output_tick(struct output *o, int64_t now);

/* Reads what the stream's pipe holds now, without waiting and whatever the credit; then appends its
 * last lines to v. */
void output_last_lines(struct output *o, int stream, struct strv *v);

/* The last line that the stream has printed, whole or not, cut to `most` bytes and made harmless;
 * NULL: none, or an empty one. The caller frees. */
char *output_last_line(const struct output *o, int stream, size_t most);

/* When all processes have ended: reads what is left and sends what can be sent. True when nothing
 * is left; else call again after more credit came. force: gives up what waits for credit, and says
 * how many lines. */
bool output_finish(struct output *o, bool force);

/* The scribe has something to say (logs->fd is ready): which files have failed, or that it has
 * died.
 */
void output_read_news(struct output *o);

/* After output_finish: true when the log files are written, or when nothing more was for
 * OUTPUT_SETTLE_MS, with a warning; else call again at output_deadline, or after news. */
bool output_settle(struct output *o, int64_t now);

/* From now on nothing is sent any more; log files are still written. */
void output_mute(struct output *o);

#endif
