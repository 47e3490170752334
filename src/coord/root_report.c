/* root_report: see the header. */
#include "coord/root_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config.h"
#include "coord/report_files.h"
#include "coord/root_state.h"
#include "report/state.h"

/* Names the machines of which nothing is known. */
static void name_missing(struct root *root)
{
    const struct hosts *hosts = &root->job->hosts;

    for (int r = 0; r < root->size; r++) {
        int machine = root->meeting->machine_of[r];

        if (root->has_come[r] || root->outcomes[r].host)
            continue;
        root->outcomes[r] = (struct outcome){.machine = machine,
                                             .rank = -1,
                                             .host = mem_strdup(root->meeting->seats[r].host),
                                             .ip = mem_strdup(hosts->items[machine].ip),
                                             .port = hosts->items[machine].port,
                                             .cpus = root->meeting->seats[r].cpus};
    }
}

/* Of one that has told how it is, that stays: its processes and their pids. */
void root_fill_missing(struct root *root)
{
    name_missing(root);
    for (int r = 0; r < root->size; r++) {
        if (root->has_come[r])
            continue;
        outcome_forget_now(&root->outcomes[r]);
        root->outcomes[r].rank = -1;
    }
}

/* Sorts the outcomes by ip_config's order. They are shallow copies: the caller frees the array. */
static struct outcome *by_machine(const struct root *root)
{
    struct outcome *sorted = mem_calloc((size_t)root->size, sizeof(*sorted));
    int64_t now = clock_ms();

    for (int r = 0; r < root->size; r++) {
        struct outcome *one = &sorted[root->meeting->machine_of[r]];

        *one = root->outcomes[r];
        one->silent = root->is_asked && !root->has_told[r];
        one->told_ms = one->told_ms > 0 ? now - one->told_ms : -1;
    }
    return sorted;
}

struct report root_make_report(struct root *root, const struct cause *cause, bool complete)
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
                           .n_phases = ROOT_PHASES,
                           .outcomes = by_machine(root),
                           .n_outcomes = root->size,
                           .cause = cause,
                           .attempt = root->job->attempt,
                           .start_ms = root->attempt_start - root->start,
                           .earlier = root->attempts.items,
                           .n_earlier = root->attempts.n};
}

/* ---- while it runs ---- */

void root_may_be_asked(struct root *root, const char *ip, int port, uint64_t key)
{
    if (port > 0)
        root->ask = mem_printf("%s %d %016llx", ip, port, (unsigned long long)key);
}

struct report root_live_report(struct root *root)
{
    struct report report;

    name_missing(root);
    report = root_make_report(root, NULL, false);
    report.runs = true;
    report.exit_code = -1;
    report.ask = root->ask;
    return report;
}

void root_begin_report(struct root *root)
{
    struct report report;

    report = root_live_report(root);
    root_write_report(root, &report);
    free((void *)report.outcomes);
}

void root_forget_told(struct root *root)
{
    memset(root->has_told, 0, (size_t)root->size * sizeof(*root->has_told));
    root->n_told = 0;
    root->is_asked = true;
}

/* One whose outcome has come has nothing more to tell. */
bool root_state(struct root *root, int from, struct outcome *outcome)
{
    bool counts = !root->has_come[from] && !root->settle_from && !root->has_told[from];

    if (!counts || outcome->machine < 0) {
        outcome_clear(outcome);
    } else {
        outcome_clear(&root->outcomes[from]);
        root->outcomes[from] = *outcome;
        strv_free(&root->outcomes[from].unkilled); /* they may still end */
        root->outcomes[from].rank = from;
        root->outcomes[from].told_ms = clock_ms();
        root->came[from] = clock_ms();
        *outcome = (struct outcome){0};
    }
    if (!root->has_told[from])
        root->n_told++;
    root->has_told[from] = true;
    return root->n_told == root->size;
}

static void say_state(struct root *root, const struct report *report)
{
    struct buf text = {0};

    report_state(&text, report, STATE_SHOWN);
    buf_add(&text, "", 1);
    console_say(root->console, text.data);
    buf_free(&text);
}

void root_tell_state(struct root *root, bool shows)
{
    struct report report = root_live_report(root);

    root_write_state(root, &report);
    if (shows)
        say_state(root, &report);
    free((void *)report.outcomes);
}
