/* remains: one step after the other, each of which looks and does not wait. */
#include "coord/remains.h"

#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coord/alarm.h"
#include "coord/report_files.h"
#include "coord/state.h"
#include "keeper/doing.h"

enum {
    PROCESSES_EVERY_MS = 20,
    FILES_EVERY_MS = 1000,
    KEEPER_EXIT_MS = 3000 /* for a keeper that was told to leave */
};

/* ---- what is told ---- */

/* Does not wait for the keeper's end: in an uninterruptible sleep it does not even die of KILL. */
static void fail_for_keeper(struct coord *c, int code, const char *what)
{
    struct err err = {0};

    err_set(&err, code, "the process that keeps this machine's processes (pid %d) %s",
            (int)c->keeper.keeper.pid, what);
    coord_fail(c, coord_own_cause(c, HOW_LAUNCHER, 0, code, err.text));
}

void coord_fail_without_keeper(struct coord *c)
{
    fail_for_keeper(c, EXIT_LAUNCHER, "has died");
    coord_abandon(c);
}

void coord_kill_keeper(struct coord *c)
{
    if (c->keeper.keeper.fd < 0)
        return;
    c->remains.step = REMAINS_KEEPER;
    kill(c->keeper.keeper.pid, SIGKILL);
}

void coord_on_silent_keeper(struct coord *c, int code)
{
    enum doing kind;
    int64_t for_ms;
    const char *doing = doing_what(&kind, &for_ms);
    bool held = doing && (code == EXIT_START_TIME || for_ms > c->keeper_silence.timeout_ms / 2);
    char *what =
        held ? mem_printf("has been %s for %lld s: the file system does not answer; it was killed",
                          doing, (long long)for_ms / 1000)
             : mem_printf("gave no answer for --lost_timeout (stopped?) and was killed");

    coord_kill_keeper(c);
    fail_for_keeper(c, code, what);
    free(what);
}

/* The keeper's processes have come to this rank, which is a subreaper. */
void coord_on_keeper_gone(struct coord *c)
{
    int64_t now = clock_ms();

    if (c->run.stage < STAGE_OVER)
        fail_for_keeper(c, EXIT_LAUNCHER, "has died");
    c->remains.step = REMAINS_PROCESSES;
    c->remains.next_look = now;
    ending_begin(&c->remains.ending, now);
    coord_end_remains(c, now);
}

/* ---- step by step ---- */

/* Marks the machine as over, and warns of files that are left. why NULL: none is. The warning goes
 * into the outcome, unless that was sent before the keeper died. */
static void be_done(struct coord *c, const char *why)
{
    char *text = why ? mem_printf("what the job has left on %s ('%s', shared memory) could not be "
                                  "removed: %s",
                                  c->setup->meeting->host, c->job_dir.path, why)
                     : NULL;

    c->remains.step = REMAINS_ENDED;
    coord_abandon(c);
    strv_add_all(&c->run.outcome.unkilled, &c->remains.unkilled);
    strv_free(&c->remains.unkilled);
    if (text && c->run.stage >= STAGE_SENT)
        log_warning("%s", text);
    else if (text)
        warnings_add(&c->run.outcome.warnings, text, 0);
    folder_clear(&c->job_dir);
    free(text);
}

static void begin_files(struct coord *c, int64_t now)
{
    struct err err;

    if (!c->job_dir.path) {
        be_done(c, NULL);
        return;
    }
    c->remains.step = REMAINS_FILES;
    c->remains.next_look = now + FILES_EVERY_MS;
    ending_begin(&c->remains.ending, now);
    if (scribe_hand_folder(c->setup->scribe, &c->job_dir, &err))
        be_done(c, err.text);
}

static void end_processes(struct coord *c, int64_t now)
{
    c->remains.next_look = now + PROCESSES_EVERY_MS;
    if (keeper_clean_step(&c->remains.ending, c->setup->scribe->pid, &c->remains.unkilled) !=
        CLEANING)
        begin_files(c, now);
}

/* The only process below the scribe is the one that removes. */
static void look_at_files(struct coord *c, int64_t now)
{
    struct procs removers = {0};

    c->remains.next_look = now + FILES_EVERY_MS;
    proc_below(c->setup->scribe->pid, &removers);
    ending_look(&c->remains.ending, &removers, now);
    if (ending_is_vain(&c->remains.ending, now)) {
        for (size_t i = 0; i < removers.n; i++)
            proc_signal(&removers.items[i], SIGKILL);
        be_done(c, "the file system does not answer");
    }
    procs_free(&removers);
}

void coord_end_remains(struct coord *c, int64_t now)
{
    if (now < c->remains.next_look)
        return;
    if (c->remains.step == REMAINS_PROCESSES)
        end_processes(c, now);
    else if (c->remains.step == REMAINS_FILES)
        look_at_files(c, now);
}

void coord_hear_scribe(struct coord *c)
{
    enum scribe_how how;
    struct err why;
    int rc;

    while ((rc = scribe_answer(c->setup->scribe, &how, &why)) != 0) {
        bool about_files = rc < 0 || how == SCRIBE_REMOVE;

        if (about_files && c->remains.step == REMAINS_FILES)
            be_done(c, rc < 0 ? "dgl-scribe, which does, has died" : why.text[0] ? why.text : NULL);
        if (c->root && (rc < 0 || how != SCRIBE_REMOVE))
            root_scribe_answers(c->root, rc < 0 ? NULL : &why, how);
    }
}

static void tell_keeper_to_leave(struct coord *c, int64_t now)
{
    c->remains.leave_by = now + KEEPER_EXIT_MS;
    if (c->keeper.keeper.fd >= 0)
        keeper_link_leave(&c->keeper);
    else if (c->remains.step == REMAINS_PROCESSES) /* those that KILL has not ended are left */
        begin_files(c, now);
}

static void await_keeper(struct coord *c, int64_t now)
{
    bool has_left = keeper_link_has_left(&c->keeper);

    if (!has_left && now < c->remains.leave_by)
        return;
    keeper_link_close(&c->keeper);
    if (!has_left && c->keeper.keeper.pid > 1) {
        kill(c->keeper.keeper.pid, SIGKILL);
        c->remains.step = REMAINS_PROCESSES;
        c->remains.next_look = now;
        ending_begin(&c->remains.ending, now);
    } else if (c->remains.step == REMAINS_KEEPER) {
        begin_files(c, now);
    }
}

bool coord_see_keeper_off(struct coord *c, int64_t now)
{
    if (!c->remains.leave_by)
        tell_keeper_to_leave(c, now);
    if (c->keeper.keeper.fd >= 0)
        await_keeper(c, now);
    coord_hear_scribe(c);
    coord_end_remains(c, now);
    return c->keeper.keeper.fd < 0 &&
           (c->remains.step == REMAINS_NONE || c->remains.step == REMAINS_ENDED);
}
