/* output_state: what the output knows. Shared by the files that make it up: output (console and
 * last lines) and output_logs (log files). Nobody else's.
 */
#ifndef KEEPER_OUTPUT_STATE_H
#define KEEPER_OUTPUT_STATE_H

#include "base/buf.h"
#include "keeper/output.h"
#include "keeper/tail.h"

struct stream {
    int fd;       /* -1: ended */
    size_t entry; /* the last one of output_poll */
    char *prefix, *name;
    size_t prefix_len;
    bool is_sent;         /* the console gets its lines */
    struct logs_file log; /* path NULL: none */
    struct buf held;      /* read, and not yet on its way to the console */
    uint64_t hidden;      /* lines that the console did not get, not yet told */
    bool waits;           /* for credit */
    bool is_bar;          /* held begins with the last state of a line that is rewritten by \r */
    size_t shown;         /* bytes of held that were shown as such */
    int64_t bar_at;       /* when the next may be shown */
    int64_t heard;        /* when something was last read */
    struct tail tail;
};

struct output {
    char *host, *log_dir;
    int attempt;
    struct output_sink sink;
    struct stream *streams;
    int n, next; /* next: whose turn is first */
    int64_t credit;
    int64_t starved; /* since when the console has not caught up again, once credit was short;
                        or never */
    bool muted;
    struct buf batch;
    char stamp[32]; /* the time, for the lines of the batch; "": none */
    size_t stamp_len;
    int64_t settle_from; /* 0: not yet */
    int64_t settle_ends; /* until then the scribe is waited for; or never */
    bool settled;
    bool scribe_told; /* the user was told that there is none */
};

/* Is there a log file that is written? */
bool output_has_log(const struct output *o, const struct stream *s);

/* Else its process waits, for a file system that is only slow. */
bool output_log_has_room(const struct output *o, const struct stream *s);

void output_open_log(struct output *o, struct stream *s, const char *role, int id);

#endif
