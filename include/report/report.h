/* report: outcomes -> the first cause, sentences, report.json, report.html, exit code. Pure: writes
 * into buffers, reads no clock.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/outcome.h"
#include "wire/waiting.h"

struct phase {
    const char *name;         /* servers, trainers, drain, stop */
    int64_t start_ms, end_ms; /* since the attempt's start; -1: never */
};

/* Everything that rank 0 knows at the end of an attempt. Borrowed pointers. */
struct report {
    const char *version;
    const char *job_id;
    const char *command;    /* as text; an argv is joined with blanks, quoted where needed */
    const char *started_at; /* UTC, ISO 8601 */
    int64_t wall_ms;
    bool complete; /* false: some machine's outcome never came */
    int exit_code;
    const struct phase *phases;
    int n_phases;
    const struct outcome *outcomes; /* one a machine; rank < 0: nothing came from it */
    int n_outcomes;
    const struct cause *cause;    /* NULL: the job ended well */
    int attempt;                  /* from 0; more after restarts */
    int64_t start_ms;             /* of this attempt, since the job's start */
    const struct report *earlier; /* the attempts before it, as they ended; oldest first */
    int n_earlier;
};

/* The first failure among n causes whose age_ms all refer to one moment: the oldest; within 50 ms
 * of the oldest, death by signal before a failure of the launcher itself, that before an exit code
 * and its like, and a lost machine, a signal from outside or a parent that is gone after all these;
 * of the same kind a server before a trainer, then the older, then the lower machine and id. NULL
 * entries are skipped; NULL when none is left. */
const struct cause *report_first_cause(const struct cause *const *causes, int n);

/* One sentence without a full stop: host, role, id, pid, how, the cause's text (which may hold a
 * remedy, and line breaks for lists: then further lines are indented). */
void report_sentence(struct buf *out, const struct cause *cause);

/* "; the job had failed: SENTENCE", to stand behind another failure; "" without a cause. The caller
 * frees. */
char *report_had_failed(const struct cause *cause);

/* The cause's own exception, else the last exception line of a Python traceback among its last
 * lines; NULL when there is none. Borrowed. */
const char *report_exception(const struct cause *cause);

/* The block for the console: the sentence, hint, the last lines, where the log is; several whole
 * lines. */
void report_cause_block(struct buf *out, const struct cause *cause);

/* Whole lines, "dgl-mpilaunch: warning: HOST: ...", the oldest first; the ages of all machines'
 * refer to one moment. At most `most` lines; the last then counts the others, which are in the file
 * `rest`. */
void report_warnings(struct buf *out, const struct report *report, size_t most, const char *rest);

/* The closing lines: what ran, how long, warnings, where the report is (run_dir may be NULL). The
 * first five warnings, where launcher_log has all of them; all, where it is NULL. */
void report_summary(struct buf *out, const struct report *report, const char *run_dir,
                    const char *launcher_log);

/* "server 1 on vm1 (port 30051); trainer 2 on vm1 (pid 4711), silent for 65 s; and 3 more on vm1".
 * host may be NULL. since_ms: since the message was packed. */
void report_awaited(struct buf *out, const struct waiting *waiting, const char *host,
                    int64_t since_ms);

/* report.json as doc/report.schema.json describes it, and the same for people as one page. */
void report_json(struct buf *out, const struct report *report);
void report_html(struct buf *out, const struct report *report);

/* "SIGKILL" for 9; "signal 77" for an unknown one; text of static or thread-local storage. */
const char *report_signal_name(int signal);

#endif
