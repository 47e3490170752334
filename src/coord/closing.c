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
    CLOSING_MS = 10000,   /* beyond kill_grace, for the other machines to end a stop */
    READER_MS = 10000,    /* a reader of our output that takes nothing for so long has stopped */
    ABORT_WAIT_MS = 5000, /* a rank waits so long for rank 0's report and abort */
    KEEPER_EXIT_MS = 3000
};

/* Says the code to the sleepers, sees the keeper off, and leaves. */
_Noreturn void coord_leave(struct coord *c, int code, bool abort)
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
            keeper_clean_after(&c->keeper.keeper);
        }
    }
    if (c->setup->meeting->sleepers)
        sleepers_dismiss(c->setup->meeting->sleepers, code);
    if (abort)
        peers_abort(c->peers, code);
    peers_leave(c->peers, code);
}

static void send_outcome(struct coord *c)
{
    struct buf data = {0};

    c->outcome.rank = c->peers->rank;
    if (c->cause) {
        cause_free(c->outcome.cause);
        c->outcome.cause = c->cause;
        c->outcome.cause->age_ms += clock_ms() - c->cause_time;
        c->cause = NULL;
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

static int alarm_code(const struct coord *c)
{
    return c->outcome.cause ? c->outcome.cause->code : c->alarm ? c->alarm->code : EXIT_LAUNCHER;
}

/* Rank 0, when all outcomes are there or will not come: the report; then, when it has been read,
 * the last gate may be entered. */
static void conclude(struct coord *c, int64_t now, bool late)
{
    if (!c->reported && (late || root_complete(c->root, c->lost ? c->lost_machine : -1))) {
        c->code = root_conclude(c->root, c->alarm);
        c->reported = true;
    }
    if (c->reported && console_done(c, now))
        c->concluded = true;
}

/* Leaves without a gate, since not everybody is there to open one. */
static _Noreturn void leave_alone(struct coord *c)
{
    const struct cause *cause = c->outcome.cause;
    struct buf text = {0};

    log_set_sink(NULL, NULL);
    if (c->lost_root && cause) {
        report_sentence(&text, cause);
        log_error("%.*s", (int)text.len, text.data);
    }
    coord_leave(c, alarm_code(c), true);
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
    if (!c->root && c->lost && now - c->over_time > (c->lost_root ? 0 : ABORT_WAIT_MS))
        leave_alone(c);
    if (!c->root && late && now - closing_deadline(c) > ABORT_WAIT_MS)
        leave_alone(c);
}
