/* root_end: the end of an attempt at rank 0: its cause, the report's files, what is said, and
 * whether another attempt follows.
 */
#include "coord/root_end.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "coord/report_files.h"
#include "coord/root_phases.h"
#include "coord/root_report.h"
#include "coord/root_state.h"
#include "report/awaited.h"
#include "report/block.h"
#include "report/cause.h"
#include "report/report.h"
#include "report/sentence.h"
#include "report/summary.h"
#include "report/warnings.h"

enum {
    RESTART_DELAY_MAX_MS = 60000,
    RESTART_WARNINGS = 5,
    PROGRESS_MS = 60000, /* trainers that ran for so long have done something */
    UNKILLED_SAID = 8,
    UNKILLED_TEXT_MOST = 200 /* bytes */
};

/* Has rank 0 found that it is its own machine that is cut off? */
static bool is_own_loss(const struct root *root, const struct cause *cause)
{
    return cause->how == HOW_LOST && cause->machine == root->meeting->root_machine;
}

/* When machines fall silent, several ranks say so at the same time. Rank 0's word counts, since it
 * has the most neighbours. But if rank 0 took itself for cut off, an outcome that has come since
 * proves that it is not: then that outcome's word counts. */
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

/* Queues lines of text for the console. */
static void say_lines(struct root *root, struct buf *text)
{
    if (text->len) {
        buf_add(text, "", 1);
        console_say(root->console, text->data);
    }
    buf_free(text);
}

/* Says what other machines lack before start too, so that the user can mend all at once. */
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
    if (said > SAID)
        log_error("and %d more machines lack something", said - SAID);
}

/* Says who else was not ready when one machine's servers had no time left. */
static void say_others_waiting(struct root *root, const struct cause *first)
{
    enum { SAID = 8 };
    int said = 0;

    for (int r = 0; r < root->size; r++) {
        const struct waiting *waiting = &root->waiting[r];
        struct buf text = {0};

        if (!waiting->left || root->meeting->machine_of[r] == first->machine || said++ >= SAID)
            continue;
        report_awaited(&text, waiting, NULL, 0);
        log_error("%s was not ready in time either: %.*s", root->meeting->seats[r].host,
                  (int)text.len, text.data);
        buf_free(&text);
    }
    if (said > SAID)
        log_error("and %d more machines were not ready in time", said - SAID);
}

static void say_end(struct root *root, const struct report *report)
{
    const struct cause *cause = report->cause;
    char *log = root->last_words_written ? root_launcher_log(root) : NULL;
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

/* Is this a failure of the job's own processes? Any other would come again, or ends the job. */
static bool is_worth_a_restart(const struct root *root, const struct cause *cause)
{
    if (cause->how == HOW_STALLED && root->job->options.stall_action != STALL_RESTART)
        return false;
    return cause->how == HOW_EXITED || cause->how == HOW_SIGNALED || cause->how == HOW_LEFT_EARLY ||
           cause->how == HOW_START_TIMEOUT || cause->how == HOW_CONNECT_TIMEOUT ||
           cause->how == HOW_RAISED || cause->how == HOW_STALLED;
}

static bool is_same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool is_same_failure(const struct cause *a, const struct cause *b)
{
    return a && b && a->how == b->how && a->role == b->role && a->id == b->id &&
           a->value == b->value && is_same_text(a->exception, b->exception);
}

static bool is_early(const struct phase *phases, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(phases[i].name, "trainers") && phases[i].start_ms >= 0 &&
            phases[i].end_ms - phases[i].start_ms >= PROGRESS_MS)
            return false;
    return true;
}

/* How many attempts in a row, this one included, have failed early with this cause. */
static int same_failures(const struct root *root, const struct cause *cause)
{
    int n = is_early(root->phases, ROOT_PHASES);

    for (int i = root->attempts.n - 1; n > 0 && i >= 0; i--, n++) {
        const struct report *earlier = &root->attempts.items[i];

        if (!is_same_failure(earlier->cause, cause) ||
            !is_early(earlier->phases, earlier->n_phases))
            break;
    }
    return n;
}

/* Says so when one more attempt would fail too. */
static bool is_in_vain(const struct root *root, const struct cause *cause)
{
    int most = root->job->options.max_same_failures, n = same_failures(root, cause);

    if (!most || n < most)
        return false;
    log_error(
        "%d attempt%s in a row failed in the same way, each before its trainers had run for a "
        "minute; no further one is started (--max_same_failures)",
        n, text_plural((size_t)n));
    return true;
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
    char *log = root->last_words_written ? root_launcher_log(root) : NULL;
    struct buf text = {0};

    if (!root->job->options.quiet) {
        report_warnings(&text, report, log ? RESTART_WARNINGS : SIZE_MAX, log);
        say_lines(root, &text);
    }
    free(log);
    report_sentence(&text, cause);
    if (root->instead)
        buf_addf(&text, "; %s", root->instead);
    log_warning("attempt %d of %d failed: %.*s; starting again in %g s", root->job->attempt + 1,
                root->job->options.max_restarts + 1, (int)text.len, text.data,
                (double)restart_delay(root) / 1000);
    buf_free(&text);
}

/* Names the processes that not even KILL has ended. True: there are some. They hold ports, GPUs and
 * checkpoints, so that no attempt may start beside them; restart: one would have. */
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

void root_conclude(struct root *root, const struct cause *known, bool may_restart, char *instead)
{
    const struct cause *cause = root_first_cause(root, known);
    struct report report;

    root_tell_notices(root);
    root->cause = cause;
    root->complete = root_complete(root, -1);
    age_warnings(root);
    free(root->instead);
    root->instead = instead;
    root->restart = (instead || (may_restart && cause && is_worth_a_restart(root, cause))) &&
                    root->job->attempt < root->job->options.max_restarts;
    root_end_phases(root);
    if (say_unkilled(root, root->restart) || (root->restart && !instead && is_in_vain(root, cause)))
        root->restart = false;
    root_fill_missing(root);
    report = root_make_report(root, cause, root->complete && !root->restart);
    if (root->restart)
        report.ask = root->ask; /* the job runs on */
    root_write_report(root, &report);
    root_write_last_words(root, &report);
    free((void *)report.outcomes);
    root->settle_from = clock_ms();
}

int root_say_end(struct root *root, bool *restart)
{
    struct report report = root_make_report(root, root->cause, root->complete && !root->restart);

    if (root->restart)
        say_restart(root, &report);
    else
        say_end(root, &report);
    free((void *)report.outcomes);
    *restart = root->restart;
    return report.exit_code;
}

void root_amend(struct root *root, const struct cause *cause)
{
    struct report report = root_make_report(root, cause, root_complete(root, -1));

    root_write_report(root, &report);
    free((void *)report.outcomes);
}

void root_say_silent(struct root *root, const struct cause *cause)
{
    enum { NAMED = 8 };
    int lost = cause && cause->how == HOW_LOST ? cause->machine : -1;
    int said = 0;

    if (cause && is_own_loss(root, cause))
        return;
    for (int r = 0; r < root->size; r++)
        if (!root->has_come[r] && root->meeting->machine_of[r] != lost && said++ < NAMED)
            log_warning("%s gives no sign of life; the job ends without it",
                        root->meeting->seats[r].host);
    if (said > NAMED)
        log_warning("and %d more machines give none; the job ends without them", said - NAMED);
}

static void forget_attempt(struct root *root)
{
    for (int r = 0; r < root->size; r++) {
        root->outcomes[r] = (struct outcome){0}; /* kept by the attempts */
        root->has_left[r] = false;
        root->waiting[r] = (struct waiting){0};
    }
    cause_free(root->left);
    root->left = NULL;
    root->cause = NULL;
    root->settle_from = 0;
}

int64_t root_next_attempt(struct root *root)
{
    struct report report;
    int64_t delay;

    report = root_make_report(root, root->cause, true);
    delay = restart_delay(root);
    attempts_keep(&root->attempts, &report);
    root->job->attempt++;
    forget_attempt(root);
    root_begin_attempt(root);
    return delay;
}
