/* closing: the end of a coordinator: its outcome, rank 0's report, and whether it leaves through
 * the last gate, or, when a machine is lost or others do not come, without it.
 */
#include "coord/closing.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "coord/alarm.h"
#include "coord/departure.h"
#include "coord/regroup.h"
#include "coord/relay.h"
#include "coord/report_files.h"
#include "coord/root_end.h"
#include "coord/tell.h"
#include "keeper/doing.h"
#include "keeper/proc.h"
#include "wire/pack.h"
#include "report/sentence.h"
#include "wire/outcome.h"

enum {
    CLOSING_MS = 10000, /* a stop is late when after kill_grace nothing moves for so long */
    READER_MS = 60000, /* a good job with log files waits so long for a reader that takes nothing */
    FAILED_READER_MS = 5000, /* a failed job waits so long for it */
    OUTPUT_MS = 5000,        /* the closing lines wait so long for output that came before them */
    PAUSE_MS = 1000,         /* and so long for a reader that takes nothing meanwhile */
    REPORT_MS = 15000,       /* when a stop is late, other ranks wait so long for rank 0's report */
    ANSWER_MS = 1500,        /* for a sign of life, when the job as a whole ends */
    PATIENCE_MS = 5000,      /* for one after a failure: the machine may be overloaded */
    ASK_EVERY_MS = 500,
    ASK_ROOT_MS = 5000
};

/* The cause goes with the outcome, with its age as of now. */
static void add_cause(struct coord *c)
{
    c->run.outcome.rank = c->peers->rank;
    coord_known_cause(c);
    if (!c->run.cause)
        return;
    cause_free(c->run.outcome.cause);
    c->run.outcome.cause = cause_copy(c->run.cause);
}

void coord_tell_outcome(struct coord *c)
{
    struct buf data = {0};

    add_cause(c);
    pack_u32(&data, (uint32_t)c->attempt);
    message_pack_outcome(&data, &c->run.outcome);
    coord_tell_root(c, MESSAGE_OUTCOME, &data);
    buf_free(&data);
}

static void send_outcome(struct coord *c)
{
    if (c->root) {
        add_cause(c);
        root_outcome(c->root, 0, &c->run.outcome);
    } else {
        coord_tell_outcome(c);
    }
    coord_enter(c, STAGE_SENT);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Returns when rank 0 last heard a machine whose outcome is missing. A machine that lives has a
 * deadline of its own, and sends its outcome then. */
static int64_t last_sign(struct coord *c)
{
    int n;
    const int *missing = root_missing(c->root, &n);

    for (int i = 0; i < n; i++)
        if (missing[i])
            c->run.last_sign = later(c->run.last_sign, root_lacks(c->root, missing[i]));
    return later(c->run.last_sign, c->run.complete_time);
}

/* By then this machine must be over. Anything that comes nearer to the end here puts it off. */
static int64_t own_deadline(const struct coord *c)
{
    int64_t grace = c->run.slice ? c->run.slice->kill_grace_ms : 0, moved;

    if (!ends_stops(c->run.ends))
        return CLOCK_NEVER;
    moved = later(c->run.stop_time + grace, doing_progressed());
    if (c->remains.step == REMAINS_PROCESSES || c->remains.step == REMAINS_FILES)
        moved = later(moved, c->remains.ending.moved);
    return moved + CLOSING_MS;
}

/* For rank 0 a sign of any machine whose outcome is missing puts it off, too. */
static int64_t closing_deadline(struct coord *c)
{
    int64_t own = own_deadline(c);

    return own == CLOCK_NEVER || !c->root ? own : later(own, last_sign(c) + CLOSING_MS);
}

/* After a failure the closing lines must come out soon, and mpirun must return. So output that the
 * reader has not taken by now is dropped, and counted. */
static void drop_output(struct coord *c)
{
    size_t lines = console_drop_output(root_console(c->root));
    const char *run_dir = c->setup->job->run_dir;

    if (lines)
        log_warning("%zu line%s of output %s not shown, because nobody reads them; %s%s%s", lines,
                    text_plural(lines), lines == 1 ? "is" : "are",
                    run_dir ? "the log files in '" : "there are no log files (--run_dir none)",
                    run_dir ? run_dir : "", run_dir ? "/logs' have them" : "");
}

/* Is everything written, or has the reader stopped reading? A good job's reader may pause; without
 * log files it may pause for ever, since nothing may be lost. */
static bool console_done(struct coord *c, int64_t now)
{
    struct console *console = root_console(c->root);
    int64_t paused = now - console_progress(console);

    if (!console_pending(console))
        return true;
    if (ends_stops(c->run.ends))
        return paused > FAILED_READER_MS;
    if (!c->setup->job->run_dir || paused <= READER_MS)
        return false;
    drop_output(c);
    console_pump(console);
    return true;
}

/* The closing lines wait for the output that was printed before them, but not for a reader that
 * pauses. */
static bool output_goes_first(const struct coord *c, int64_t now)
{
    const struct console *console = root_console(c->root);

    if (!console_output_pending(console) || now - c->run.complete_time >= OUTPUT_MS)
        return false;
    return ends_stops(c->run.ends) || now - console_progress(console) < PAUSE_MS;
}

/* Those that have given no sign since then are called directly, since a rank on the way may be
 * stopped. A lower rank comes first: it passes the roll on to those behind it. */
static void call_silent(struct coord *c, int64_t since, const struct buf *roll)
{
    int called = 0;

    for (int r = 1; r < c->peers->size && called < CALLED_MOST; r++) {
        if (root_lacks(c->root, r) >= since)
            continue;
        coord_send(c, r, MESSAGE_ROLL, roll);
        called++;
    }
}

static void call_roll(struct coord *c, int64_t now)
{
    const struct cause *cause = coord_known_cause(c);
    struct buf roll = {0};

    if (now < c->run.next_ask)
        return;
    if (cause)
        coord_pack_alarm(c, cause, &roll);
    coord_send_to_children(c, MESSAGE_ROLL, &roll);
    if (c->run.next_ask)
        call_silent(c, c->run.next_ask - ASK_EVERY_MS, &roll); /* the last roll */
    else
        c->run.asked = now;
    c->run.next_ask = now + ASK_EVERY_MS;
    buf_free(&roll);
}

/* After a failure rank 0 waits only for machines that give a sign of life. True: none of those
 * whose outcome is missing gives one. */
static bool rest_is_silent(struct coord *c, int64_t now, bool late)
{
    int64_t patience = ends_job(c->run.ends) ? ANSWER_MS : PATIENCE_MS;
    const int *missing;
    int n;

    if (!ends_stops(c->run.ends))
        return false;
    call_roll(c, now);
    if (!c->pulse.timeout_ms && !late) /* --lost_timeout 0: silence alone means nothing */
        return false;
    missing = root_missing(c->root, &n);
    for (int i = 0; i < n; i++)
        if (missing[i] && now - root_lacks(c->root, missing[i]) <= patience)
            return false;
    return now - c->run.asked > patience;
}

/* Rank 0 does so when each outcome has come or will not come, and the output has gone first. */
static void begin_report(struct coord *c, int64_t now, bool late)
{
    bool complete = root_complete(c->root, c->run.lost_machine);
    char *instead;

    if (!complete && !rest_is_silent(c, now, late))
        return;
    if (!complete && coord_take_silent_for_lost(c))
        complete = root_complete(c->root, c->run.lost_machine);
    if (!c->run.complete_time)
        c->run.complete_time = now;
    if (!late && output_goes_first(c, now))
        return;
    if (ends_stops(c->run.ends))
        drop_output(c);
    if (!complete) {
        coord_raise(c, ENDS_ABANDONED);
        root_say_silent(c->root, root_first_cause(c->root, coord_known_cause(c)));
    }
    /* not when some rank may not come to the last gate */
    instead = late ? NULL : coord_describe_spare(c);
    c->run.regroups = instead != NULL;
    root_conclude(c->root, coord_known_cause(c), !late && !ends_job(c->run.ends), instead);
    coord_enter(c, STAGE_WRITING);
}

/* The closing lines tell whether the report could be written, and so come after it. */
static void report(struct coord *c, int64_t now, bool late)
{
    if (c->run.stage < STAGE_WRITING)
        begin_report(c, now, late);
    if (c->run.stage < STAGE_WRITING || !root_files_settled(c->root, now))
        return;
    c->run.code = root_say_end(c->root, &c->run.restart);
    coord_enter(c, STAGE_REPORTED);
}

static void say(const struct cause *cause)
{
    struct buf text = {0};

    report_sentence(&text, cause);
    log_error("%.*s", (int)text.len, text.data);
    buf_free(&text);
}

/* The job was told to stop after a good end, while its last lines waited for their reader. */
static void stop_after_report(struct coord *c)
{
    const struct cause *cause = coord_known_cause(c);

    c->run.code = cause->code;
    c->run.restart = false;
    drop_output(c);
    root_amend(c->root, cause);
    say(cause);
}

/* When a job was told to end, all ranks abort behind the last gate, and MPICH's mpirun then reads
 * no more output. */
static bool is_taken(struct coord *c, int64_t now)
{
    if (!ends_job(c->run.ends) || launch_output_is_taken())
        return true;
    if (!c->run.taken_by)
        c->run.taken_by = now + PAUSE_MS;
    return now >= c->run.taken_by;
}

/* Rank 0 may enter the last gate when it has reported and all is written. */
static void conclude(struct coord *c, int64_t now, bool late)
{
    if (c->run.stage < STAGE_REPORTED)
        report(c, now, late);
    else if (!c->run.code && coord_known_cause(c))
        stop_after_report(c);
    if (c->run.stage == STAGE_REPORTED && console_done(c, now) && is_taken(c, now))
        coord_enter(c, STAGE_CONCLUDED);
}

/* Leaves without a gate, since not all ranks are there to open one. */
static _Noreturn void leave_alone(struct coord *c, enum leaving how)
{
    const struct cause *cause = coord_known_cause(c);

    log_set_sink(NULL, NULL);
    if (c->run.ends >= ENDS_PEER_LOST && cause)
        say(cause);
    coord_leave(c, cause ? cause->code : EXIT_LAUNCHER, how);
}

/* A machine is lost, and rank 0 has not answered since: then this machine is the one. Whoever
 * should have passed the question on may be stopped; so this rank asks rank 0 itself in the end. */
static bool is_cut_off(struct coord *c, int64_t now)
{
    int64_t waited = now - c->run.lost_time;

    if (c->run.ends < ENDS_PEER_LOST || !c->run.awaits_root)
        return false;
    if (waited > ANSWER_MS / 2 && c->uplink) {
        coord_leave_parent(c);
        coord_seek_root(c);
    }
    return waited > ANSWER_MS;
}

/* The keeper has neither ended them nor said that it cannot. It is killed, since another attempt
 * could not use it either. */
static void leave_them(struct coord *c)
{
    coord_kill_keeper(c);
    log_warning(
        "the processes of this job on %s do not end %g s after they were told to (a file "
        "system or a driver that hangs?); they are left to the kernel, which has their KILL",
        c->setup->meeting->host, (double)(clock_ms() - c->run.stop_time) / 1000);
    coord_abandon(c);
    strv_addf(&c->run.outcome.unkilled, "dgl-keeper (pid %d, state %c) and what it has started",
              (int)c->keeper.keeper.pid, proc_state(c->keeper.keeper.pid));
}

/* As long as rank 0 lives, its report is waited for. */
static bool root_is_late(struct coord *c, int64_t now)
{
    int64_t end = later(closing_deadline(c), c->root_heard);

    if (now <= closing_deadline(c))
        return false;
    if (now >= c->run.next_ask_root) {
        if (c->run.next_ask_root && c->root_heard < c->run.next_ask_root - ASK_ROOT_MS)
            coord_leave_parent(c); /* it has not passed the last question on */
        coord_seek_root(c);
        c->run.next_ask_root = now + ASK_ROOT_MS;
    }
    return now - end > REPORT_MS;
}

static void leave_in_time(struct coord *c, bool late)
{
    enum leaving how = ends_leaving(c->run.ends, c->root, late);

    if (how == LEAVE_NOT || how == LEAVE_TOGETHER)
        return;
    if (c->root && c->run.restart && c->run.regroups && coord_find_spare(c)) {
        coord_regroup(c);
        return;
    }
    if (how == LEAVE_ALONE && !c->root && c->setup->meeting->announce.spares.n &&
        c->run.ends == ENDS_ROOT_LOST)
        how = LEAVE_AT_ONCE; /* an abort that comes late would end those that have gone on */
    if (c->root)
        coord_leave(c, c->run.code, how);
    if (c->run.ends == ENDS_ABANDONED)
        coord_leave(c, c->leave_code, how);
    leave_alone(c, how);
}

/* An outcome that overtakes the gate by which rank 0 begins this attempt would count for the last
 * one. So it waits for a gate of this attempt, unless none may open. */
static bool may_send_outcome(const struct coord *c, bool late)
{
    return c->root || c->attempt == 0 || c->run.gate > coord_first_gate(c) || late ||
           c->run.ends >= ENDS_PEER_LOST;
}

void coord_run_closing(struct coord *c, int64_t now)
{
    bool late = now > closing_deadline(c);

    if (c->run.stage < STAGE_OVER && now > own_deadline(c))
        leave_them(c);
    if (c->run.stage < STAGE_OVER)
        return;
    if (c->run.stage == STAGE_OVER) {
        if (!may_send_outcome(c, late))
            return;
        send_outcome(c);
    }
    if (c->root && c->run.stage < STAGE_CONCLUDED)
        conclude(c, now, late);
    if (c->root && c->run.stage < STAGE_CONCLUDED)
        return;
    if (!c->root && is_cut_off(c, now))
        coord_raise(c, ENDS_CUT_OFF);
    leave_in_time(c, c->root ? late : root_is_late(c, now));
}
