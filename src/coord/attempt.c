/* attempt: begins one attempt after the other, and checks whether this machine can do its part. A
 * signal, a lost parent and pre-emption are about the job, and end the next attempt too.
 */
#include "coord/attempt.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/watchdog.h"
#include "coord/alarm.h"
#include "coord/asking.h"
#include "coord/check.h"
#include "coord/root_end.h"
#include "coord/tell.h"
#include "keeper/spawn.h"

/* Nothing of it is allocated. */
static const struct run no_run = {.lost_machine = -1, .master = {.fd = -1}, .slices_to = 1};

static void begin(struct coord *c)
{
    c->run = no_run;
    c->run.gate = coord_first_gate(c);
}

static void clear(struct run *run)
{
    slice_free(run->slice);
    cause_free(run->cause);
    cause_free(run->alarm);
    outcome_clear(&run->outcome);
    masterport_release(&run->master);
}

/* Less than lost_timeout, because this rank sends no heartbeat while it checks. */
static int64_t patience(const struct slice *slice)
{
    return watchdog_shorter(slice->start_timeout_ms, slice->lost_timeout_ms / 2);
}

static char *find_program(const struct slice *slice)
{
    char *program;

    watchdog_begin(patience(slice), EXIT_START_TIME,
                   "%s still waits to find the command in the workspace '%s' or in a folder of "
                   "PATH: the file system does not answer; try 'ls' there by hand",
                   slice->host, slice->workspace);
    program = spawn_program(slice);
    watchdog_end();
    return program;
}

static void tell_program(struct coord *c)
{
    struct buf text = {0};

    free(c->program);
    c->program = find_program(c->run.slice);
    if (c->program && c->root) {
        root_program(c->root, 0, c->program);
    } else if (c->program) {
        buf_addf(&text, "%s", c->program);
        coord_tell_root(c, MESSAGE_PROGRAM, &text);
    }
    buf_free(&text);
}

static int check_in_time(struct slice *slice, const struct announce *announce, struct err *err)
{
    int rc;

    watchdog_begin(patience(slice), EXIT_START_TIME,
                   "%s still waits to look into the workspace '%s', the folder of the partition's "
                   "files or that of the logs%s%s%s: the file system does not answer; try 'ls' "
                   "there by hand",
                   slice->host, slice->workspace, slice->log_dir ? " ('" : "",
                   slice->log_dir ? slice->log_dir : "", slice->log_dir ? "')" : "");
    rc = check_machine(slice, announce, err);
    watchdog_end();
    return rc;
}

/* So that no job that looks for free ports takes these before the servers listen. Where another job
 * of the user's has the same ones, its servers or these fail, and say so. */
static void hold_ports(struct coord *c, const struct slice *slice)
{
    int n = 0;

    for (int i = 0; i < slice->n_processes; i++)
        n += slice->processes[i].port != 0;
    if (n)
        ports_take(&c->setup->meeting->ports, slice->port, n);
}

void coord_on_slice(struct coord *c, struct slice *slice)
{
    struct err err = {0};

    c->run.slice = slice;
    if (c->run.stage >= STAGE_SENT)
        return;
    tell_program(c);
    if (check_in_time(slice, &c->setup->meeting->announce, &err))
        coord_fail(c, coord_own_cause(c, HOW_CHECK_FAILED, 0, err.code, err.text));
    else
        hold_ports(c, slice);
}

void coord_begin_first(struct coord *c)
{
    begin(c);
    c->preempt_ends = CLOCK_NEVER;
    c->start_at = clock_ms();
}

void coord_begin_next(struct coord *c)
{
    struct cause *alarm = c->next_alarm;
    struct slice *slice = c->next_slice;

    if (c->root)
        c->start_at = clock_ms() + root_next_attempt(c->root);
    coord_forget_question(c);
    clear(&c->run);
    begin(c);
    c->attempt++;
    c->next_alarm = NULL;
    c->next_slice = NULL;
    c->foreign.next = 0; /* its servers are new */
    if (c->order)        /* it came too late to end the last attempt */
        coord_fail_by_order(c);
    if (c->keeper.keeper.fd < 0)
        coord_fail_without_keeper(c);
    if (alarm)
        coord_heed(c, alarm, -1);
    if (slice)
        coord_on_slice(c, slice);
}

void coord_note_attempt(struct coord *c, int attempt)
{
    if (attempt > c->far_attempt)
        c->far_attempt = attempt;
}

bool coord_follow(struct coord *c)
{
    enum ends ends = c->run.ends;

    if (ends < ENDS_PEER_LOST || c->run.stage < STAGE_SENT || c->far_attempt <= c->attempt ||
        c->root)
        return false;
    coord_begin_next(c);
    coord_stop(c, ends, false);
    return true;
}
