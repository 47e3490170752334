/* root_end: the end of an attempt at rank 0: its cause, the report's files, what is said, and
 * whether another attempt follows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/watchdog.h"
#include "config.h"
#include "coord/root_state.h"
#include "keeper/output.h"
#include "report/report.h"

enum {
    RESTART_DELAY_MAX_MS = 60000,
    RESTART_WARNINGS = 5,
    UNKILLED_SAID = 8,
    UNKILLED_TEXT_MOST = 200 /* bytes */
};

/* What is known of a machine that said nothing. */
static void fill_missing(struct root *root)
{
    const struct hosts *hosts = &root->job->hosts;

    for (int r = 0; r < root->size; r++) {
        int machine = root->meeting->machine_of[r];

        if (root->has_come[r])
            continue;
        outcome_clear(&root->outcomes[r]);
        root->outcomes[r] = (struct outcome){.machine = machine,
                                             .rank = -1,
                                             .host = mem_strdup(root->meeting->seats[r].host),
                                             .ip = mem_strdup(hosts->items[machine].ip),
                                             .port = hosts->items[machine].port,
                                             .cpus = root->meeting->seats[r].cpus};
    }
}

static void report_failed(struct root *root, const struct err *why)
{
    if (!root->report_warned)
        log_warning("the report is not complete: %s", why->text);
    root->report_warned = true;
    root->report_written = false;
}

/* Half of the time after which the others would take this machine for lost. */
static void watch_writing(const struct root *root, const struct report *report)
{
    const struct cause *cause = report->cause;
    char *why = report_had_failed(cause);

    watchdog_begin(root->job->run_dir ? root->job->options.lost_timeout_ms / 2 : 0,
                   cause ? cause->code : EXIT_LAUNCHER,
                   "the report in '%s' cannot be written: the file system does not answer; try "
                   "'ls' there by hand%s",
                   root->job->run_dir, why);
    free(why);
}

/* A report that cannot be written is told once; at the end it may fit again. */
static void write_report(struct root *root, const struct report *report)
{
    static const struct {
        const char *name;
        void (*make)(struct buf *out, const struct report *report);
    } files[] = {{"report.json", report_json}, {"report.html", report_html}};

    watch_writing(root, report);
    root->report_written = true;
    for (size_t i = 0; root->job->run_dir && i < sizeof(files) / sizeof(files[0]); i++) {
        char *path = root_in_run_dir(root, files[i].name);
        struct buf text = {0};
        struct err err = {0};

        files[i].make(&text, report);
        if (file_write(path, text.data, text.len, &err) != 0)
            report_failed(root, &err);
        buf_free(&text);
        free(path);
    }
    watchdog_end();
}

/* The outcomes in ip_config's order; shallow copies, only the array is the caller's. */
static struct outcome *by_machine(const struct root *root)
{
    struct outcome *sorted = mem_calloc((size_t)root->size, sizeof(*sorted));

    for (int r = 0; r < root->size; r++)
        sorted[root->meeting->machine_of[r]] = root->outcomes[r];
    return sorted;
}

/* The caller frees outcomes, the array alone. */
static struct report make_report(struct root *root, const struct cause *cause, bool complete)
{
    return (struct report){.version = PACKAGE_VERSION,
                           .job_id = root->job->id,
                           .command = root->command,
                           .started_at = root->started_at,
                           .wall_ms = clock_ms() - root->start,
                           .complete = complete,
                           .exit_code = cause      ? cause->code
                                        : complete ? 0
                                                   : EXIT_LAUNCHER,
                           .phases = root->phases,
                           .n_phases = PHASES,
                           .outcomes = by_machine(root),
                           .n_outcomes = root->size,
                           .cause = cause,
                           .attempt = root->job->attempt,
                           .start_ms = root->attempt_start - root->start,
                           .earlier = root->attempts.items,
                           .n_earlier = root->attempts.n};
}

void root_begin_report(struct root *root)
{
    struct report report;

    fill_missing(root);
    report = make_report(root, NULL, false);
    write_report(root, &report);
    free((void *)report.outcomes);
}

/* Has rank 0 found that it is its own machine that is cut off? */
static bool is_own_loss(const struct root *root, const struct cause *cause)
{
    return cause->how == HOW_LOST && cause->machine == root->meeting->root_machine;
}

/* Where machines fell silent, several ranks say so at the same time. Rank 0's word counts, which
 * has the most neighbours; but where it found itself to be cut off, an outcome that has come since
 * proves that it is not, and counts. */
static const struct cause *choose_lost(const struct root *root, const struct cause *first,
                                       const struct cause *known)
{
    if (!first || first->how != HOW_LOST || !known || known->how != HOW_LOST)
        return first ? first : known;
    for (int r = 1; is_own_loss(root, known) && r < root->size; r++) {
        const struct cause *cause = root->outcomes[r].cause;

        if (root->has_come[r] && cause && cause->how == HOW_LOST)
            return cause;
    }
    return known;
}

/* Brings the ages of all warnings to this moment. */
static void age_warnings(struct root *root)
{
    int64_t now = clock_ms();

    for (int r = 0; r < root->size; r++)
        for (size_t i = 0; i < root->outcomes[r].warnings.n; i++)
            root->outcomes[r].warnings.items[i].age_ms += now - root->came[r];
}

const struct cause *root_first_cause(struct root *root, const struct cause *known)
{
    const struct cause **causes = mem_calloc((size_t)root->size, sizeof(*causes));
    const struct cause *first;
    int64_t now = clock_ms();

    for (int r = 0; r < root->size; r++) {
        if (!root->outcomes[r].cause)
            continue;
        root->outcomes[r].cause->age_ms += now - root->came[r];
        root->came[r] = now;
        causes[r] = root->outcomes[r].cause;
    }
    first = report_first_cause(causes, root->size);
    free(causes);
    return choose_lost(root, first, known);
}

/* Lines of text, one call a line: a line of ours is never longer than what a reader can take. */
static void say_lines(struct root *root, struct buf *text)
{
    if (text->len) {
        buf_add(text, "", 1);
        console_say(root->console, text->data);
    }
    buf_free(text);
}

/* What other machines lack before start is said too: one fix a run would be tedious. */
static void say_other_checks(struct root *root, const struct cause *first)
{
    enum { SAID = 8 };
    int said = 0;

    for (int r = 0; r < root->size; r++) {
        const struct cause *cause = root->outcomes[r].cause;
        struct buf text = {0};

        if (!cause || cause == first || cause->how != HOW_CHECK_FAILED || said++ >= SAID)
            continue;
        report_sentence(&text, cause);
        log_error("%.*s", (int)text.len, text.data);
        buf_free(&text);
    }
}

/* Who else was not ready, when time ran out for one machine's servers. */
static void say_others_waiting(struct root *root, const struct cause *first)
{
    for (int r = 0; r < root->size; r++) {
        const struct waiting *waiting = &root->waiting[r];
        struct buf text = {0};

        if (!waiting->left || root->meeting->machine_of[r] == first->machine)
            continue;
        report_awaited(&text, waiting, NULL, 0);
        log_error("%s was not ready in time either: %.*s", root->meeting->seats[r].host,
                  (int)text.len, text.data);
        buf_free(&text);
    }
}

/* The launcher's log in the run folder, or NULL. The caller frees. */
static char *launcher_log(const struct root *root)
{
    char *logs, *path;

    if (!root->job->run_dir)
        return NULL;
    logs = root_in_run_dir(root, "logs");
    path = output_log_path(logs, root->meeting->seats[0].host, "launcher");
    free(logs);
    return path;
}

static bool append(const char *path, const struct buf *text)
{
    int fd = output_log_open(path);
    bool done = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len;

    if (!done)
        log_verbose("cannot write '%s': %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return done;
}

/* Where the console is gone with mpirun, the folder of the logs still tells: all warnings, then the
 * cause. Returns the file's path, which the caller frees; NULL: they are not all there. */
static char *write_last_words(struct root *root, const struct report *report)
{
    char *path = launcher_log(root);
    struct buf text = {0};

    if (!path)
        return NULL;
    report_warnings(&text, report, SIZE_MAX, NULL);
    if (report->cause)
        report_cause_block(&text, report->cause);
    watch_writing(root, report);
    if (text.len && !append(path, &text)) {
        free(path);
        path = NULL;
    }
    watchdog_end();
    buf_free(&text);
    return path;
}

static void say_end(struct root *root, const struct report *report)
{
    const struct cause *cause = report->cause;
    char *log = write_last_words(root, report);
    struct buf text = {0};

    if (!root->job->options.quiet) {
        report_summary(&text, report, root->report_written ? root->job->run_dir : NULL, log);
        say_lines(root, &text);
    }
    free(log);
    if (!cause)
        return;
    if (cause->how == HOW_CHECK_FAILED)
        say_other_checks(root, cause);
    if (cause->how == HOW_START_TIMEOUT)
        say_others_waiting(root, cause);
    report_cause_block(&text, cause);
    say_lines(root, &text);
}

/* Is this a failure of the job's own processes? The others would come again, or are not ours to
 * undo. */
static bool is_worth_a_restart(const struct cause *cause)
{
    return cause->how == HOW_EXITED || cause->how == HOW_SIGNALED || cause->how == HOW_LEFT_EARLY ||
           cause->how == HOW_START_TIMEOUT || cause->how == HOW_RAISED;
}

/* Twice as long each time, up to a minute or what the user wants. */
static int64_t restart_delay(const struct root *root)
{
    int64_t first = root->job->options.restart_delay_ms;
    int64_t most = first > RESTART_DELAY_MAX_MS ? first : RESTART_DELAY_MAX_MS;
    int doublings = root->job->attempt < 20 ? root->job->attempt : 20;

    return first << doublings < most ? first << doublings : most;
}

static void say_restart(struct root *root, const struct report *report)
{
    const struct cause *cause = report->cause;
    char *log = write_last_words(root, report);
    struct buf text = {0};

    if (!root->job->options.quiet) {
        report_warnings(&text, report, log ? RESTART_WARNINGS : SIZE_MAX, log);
        say_lines(root, &text);
    }
    free(log);
    report_sentence(&text, cause);
    log_warning("attempt %d of %d failed: %.*s; starting again in %g s", root->job->attempt + 1,
                root->job->options.max_restarts + 1, (int)text.len, text.data,
                (double)restart_delay(root) / 1000);
    buf_free(&text);
}

/* What not even KILL ends, all of it, by machine. restart: there would be another attempt; beside
 * living processes, which hold its ports, its GPUs and its checkpoints, there is none. true: there
 * is something. */
static bool say_unkilled(struct root *root, bool restart)
{
    size_t n = 0;

    for (int r = 0; r < root->size; r++) {
        const struct outcome *outcome = &root->outcomes[r];

        for (size_t i = 0; i < outcome->unkilled.n; i++, n++) {
            struct buf who = {0};

            text_harmless_ends(&who, outcome->unkilled.items[i], UNKILLED_TEXT_MOST);
            if (n < UNKILLED_SAID)
                log_error("%s: %.*s does not end, not even by SIGKILL",
                          root->meeting->seats[r].host, (int)who.len, who.data);
            buf_free(&who);
        }
    }
    if (n > UNKILLED_SAID)
        log_error("and %zu more; the report's warnings name them", n - UNKILLED_SAID);
    if (n > 0 && restart)
        log_error("no further attempt is started beside processes that still live");
    return n > 0;
}

int root_conclude(struct root *root, const struct cause *known, bool may_restart, bool *restart)
{
    const struct cause *cause = root_first_cause(root, known);
    bool complete = root_complete(root, -1);
    struct report report;

    root->cause = cause;
    age_warnings(root);
    *restart = may_restart && cause && is_worth_a_restart(cause) &&
               root->job->attempt < root->job->options.max_restarts;
    if (say_unkilled(root, *restart))
        *restart = false;
    fill_missing(root);
    root_end_phases(root);
    report = make_report(root, cause, complete && !*restart);
    write_report(root, &report);
    if (*restart)
        say_restart(root, &report);
    else
        say_end(root, &report);
    free((void *)report.outcomes);
    return report.exit_code;
}

void root_amend(struct root *root, const struct cause *cause)
{
    struct report report = make_report(root, cause, root_complete(root, -1));

    write_report(root, &report);
    free((void *)report.outcomes);
}

void root_say_silent(struct root *root, const struct cause *cause)
{
    int lost = cause && cause->how == HOW_LOST ? cause->machine : -1;

    if (cause && is_own_loss(root, cause))
        return;
    for (int r = 0; r < root->size; r++)
        if (!root->has_come[r] && root->meeting->machine_of[r] != lost)
            log_warning("%s gives no sign of life; the job ends without it",
                        root->meeting->seats[r].host);
}

static void forget_attempt(struct root *root)
{
    for (int r = 0; r < root->size; r++) {
        root->outcomes[r] = (struct outcome){0}; /* kept by the attempts */
        root->has_come[r] = root->has_left[r] = false;
        root->waiting[r] = (struct waiting){0};
    }
    cause_free(root->left);
    root->left = NULL;
    root->cause = NULL;
}

int64_t root_next_attempt(struct root *root)
{
    struct report report;
    int64_t delay;

    report = make_report(root, root->cause, true);
    delay = restart_delay(root);
    attempts_keep(&root->attempts, &report);
    root->job->attempt++;
    forget_attempt(root);
    root_begin_attempt(root);
    return delay;
}
