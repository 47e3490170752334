/* closing: the end of a coordinator: its outcome, rank 0's report, and how it leaves: through the
 * last gate, or, when a machine is lost or others do not come, without it.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "coord/signals.h"
#include "coord/state.h"
#include "report/report.h"

enum {
    CLOSING_MS = 10000, /* beyond kill_grace, for the other machines to end a stop */
    READER_MS = 5000,   /* a reader of our output that takes nothing for so long has stopped */
    OUTPUT_MS = 5000,   /* after a failure, for output that came before it */
    REPORT_MS = 15000,  /* beyond all that, for rank 0's report */
    KEEPER_EXIT_MS = 3000
};

/* Says the code to the sleepers, sees the keeper off, and leaves. */
_Noreturn void coord_leave(struct coord *c, int code, bool alone)
{
    if (c->root) {
        console_pump(root_console(c->root));
        root_close(c->root);
        c->root = NULL;
    }
    log_set_sink(NULL, NULL);
    if (c->keeper.keeper.fd >= 0) {
        keeper_link_send(&c->keeper, MESSAGE_LEAVE, NULL, 0);
        close(c->keeper.keeper.fd);
        if (!keeper_link_wait_exit(&c->keeper, KEEPER_EXIT_MS) && c->keeper.keeper.pid > 1) {
            kill(c->keeper.keeper.pid, SIGKILL);
            keeper_clean_after();
        }
    }
    if (c->setup->meeting->sleepers)
        sleepers_dismiss(c->setup->meeting->sleepers, code);
    if (alone)
        peers_abort(c->peers, code);
    peers_leave(c->peers, code, c->outside);
}

/* The first failure that this rank knows of, its own or an alarm, its age brought up to now; NULL:
 * none. Borrowed. */
static const struct cause *known_cause(struct coord *c)
{
    int64_t now = clock_ms();

    if (c->cause) {
        c->cause->age_ms += now - c->cause_time;
        c->cause_time = now;
    }
    if (c->alarm) {
        c->alarm->age_ms += now - c->alarm_time;
        c->alarm_time = now;
    }
    return c->cause ? c->cause : c->alarm;
}

static void send_outcome(struct coord *c)
{
    struct buf data = {0};

    c->outcome.rank = c->peers->rank;
    known_cause(c);
    if (c->cause) {
        cause_free(c->outcome.cause);
        c->outcome.cause = cause_copy(c->cause);
    }
    if (c->root) {
        root_outcome(c->root, 0, &c->outcome);
    } else {
        message_pack_outcome(&data, &c->outcome);
        coord_send(c, 0, MESSAGE_OUTCOME, &data);
        buf_free(&data);
    }
    c->outcome_sent = true;
}

static int64_t closing_deadline(const struct coord *c)
{
    int64_t grace = c->slice ? c->slice->kill_grace_ms : 0;

    return c->stopping ? c->stop_time + grace + CLOSING_MS : CLOCK_NEVER;
}

/* Is everything written, or has the reader stopped reading? Without log files a good job waits for
 * its reader as long as that lives, since nothing may be lost. */
static bool console_done(const struct coord *c, int64_t now)
{
    struct console *console = root_console(c->root);

    if (!console_pending(console))
        return true;
    return (c->stopping || c->setup->job->run_dir) && now - console_progress(console) > READER_MS;
}

/* After a failure the job's own last lines must come out soon: what the reader has not taken by now
 * is dropped, and counted. */
static void drop_output(struct coord *c)
{
    size_t lines = console_drop_output(root_console(c->root));

    if (lines)
        log_warning("%zu lines of output are not shown, because nobody reads them", lines);
}

/* Rank 0, when all outcomes are there or will not come: output, then the report. */
static void report(struct coord *c, int64_t now, bool late)
{
    if (!late && !root_complete(c->root, c->lost ? c->lost_machine : -1))
        return;
    if (!c->complete_time)
        c->complete_time = now;
    if (c->stopping && console_pending(root_console(c->root))) {
        if (!late && now - c->complete_time < OUTPUT_MS)
            return;
        drop_output(c);
    }
    c->code = root_conclude(c->root, known_cause(c));
    c->reported = true;
}

/* Told to stop while a good job's last lines were waiting for their reader. */
static void stop_after_report(struct coord *c)
{
    const struct cause *cause = known_cause(c);
    struct buf text = {0};

    c->code = cause->code;
    drop_output(c);
    report_sentence(&text, cause);
    log_error("%.*s", (int)text.len, text.data);
    buf_free(&text);
}

/* Rank 0: reported, and everything written; then the last gate may be entered. */
static void conclude(struct coord *c, int64_t now, bool late)
{
    if (!c->reported)
        report(c, now, late);
    else if (!c->code && known_cause(c))
        stop_after_report(c);
    if (c->reported && console_done(c, now))
        c->concluded = true;
}

/* Leaves without a gate, since not everybody is there to open one. */
static _Noreturn void leave_alone(struct coord *c)
{
    const struct cause *cause = known_cause(c);
    struct buf text = {0};

    log_set_sink(NULL, NULL);
    if (c->lost_root && cause) {
        report_sentence(&text, cause);
        log_error("%.*s", (int)text.len, text.data);
        buf_free(&text);
    }
    coord_leave(c, cause ? cause->code : EXIT_LAUNCHER, true);
}

void coord_run_closing(struct coord *c, int64_t now)
{
    bool late = now > closing_deadline(c);

    if (!c->over)
        return;
    if (!c->outcome_sent)
        send_outcome(c);
    if (c->root && !c->concluded)
        conclude(c, now, late);
    if (c->root && c->concluded && (c->lost || late))
        coord_leave(c, c->code, true);
    /* the others give rank 0 time for its report, unless it is the one that is lost */
    if (!c->root && (c->lost_root || (late && now - closing_deadline(c) > REPORT_MS)))
        leave_alone(c);
}
