/* root_phases: see the header. */
#include "coord/root_phases.h"

#include <assert.h>
#include <limits.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "coord/root_state.h"
#include "report/awaited.h"

enum {
    WAITING_TERMINAL_MS = 1000,
    WAITING_MOST_MS = 600000 /* between two lines that say whom it waits for */
};

static const struct {
    enum stage stage;
    const char *name;
} phases[ROOT_PHASES] = {
    {STAGE_SERVERS, "servers"},
    {STAGE_TRAINERS, "trainers"},
    {STAGE_DRAIN, "drain"},
    {STAGE_STOP, "stop"},
};

static int phase_of(enum stage stage)
{
    for (int i = 0; i < ROOT_PHASES; i++)
        if (phases[i].stage == stage)
            return i;
    assert(!"a stage that is no phase");
    return 0;
}

void root_begin_phases(struct root *root)
{
    for (int i = 0; i < ROOT_PHASES; i++)
        root->phases[i] = (struct phase){.name = phases[i].name, .start_ms = -1, .end_ms = -1};
}

bool root_has_begun(const struct root *root, enum stage stage)
{
    return root->phases[phase_of(stage)].start_ms >= 0;
}

void root_end_phases(struct root *root)
{
    for (int i = 0; i < ROOT_PHASES; i++)
        if (root->phases[i].start_ms >= 0 && root->phases[i].end_ms < 0)
            root->phases[i].end_ms = clock_ms() - root->attempt_start;
}

/* ---- what is said when one begins ---- */

static double seconds_since(const struct root *root, int phase)
{
    return (double)(clock_ms() - root->attempt_start - root->phases[phase].start_ms) / 1000;
}

/* "4 servers on 4 machines". */
static void add_started(struct buf *text, const struct root *root, const char *what, int each)
{
    int n = each * root->size;

    buf_addf(text, "starting %d %s%s on %d machine%s", n, what, text_plural((size_t)n), root->size,
             text_plural((size_t)root->size));
}

static void add_logs(struct buf *text, const struct root *root)
{
    if (!root->job->run_dir)
        return;
    buf_addf(text, "; logs: ");
    text_harmless(text, root->job->run_dir, PATH_MAX);
    buf_addf(text, "/logs");
}

/* The first line of a job names it, and where its logs are. A stop is told where something runs. */
static void say_phase(const struct root *root, enum stage stage)
{
    const struct options *options = &root->job->options;
    bool first = stage == STAGE_SERVERS || (stage == STAGE_TRAINERS && !options->num_servers);
    struct buf text = {0};

    if (first && root->job->attempt)
        buf_addf(&text, "attempt %d: ", root->job->attempt + 1);
    else if (first)
        buf_addf(&text, "job %s: ", root->job->id);
    if (stage == STAGE_SERVERS && options->num_servers)
        add_started(&text, root, "server", options->num_servers);
    else if (stage == STAGE_TRAINERS && options->num_servers)
        buf_addf(&text, "all servers listen after %.1f s; ", seconds_since(root, 0));
    if (stage == STAGE_TRAINERS)
        add_started(&text, root, "trainer", options->num_trainers);
    if (first && !root->job->attempt)
        add_logs(&text, root);
    if (stage == STAGE_DRAIN && options->num_servers)
        buf_addf(&text, "all trainers have ended well after %.1f s; the servers leave",
                 seconds_since(root, 1));
    if (stage == STAGE_STOP && root->phases[0].start_ms >= 0)
        buf_addf(&text, "ending all processes");
    if (text.len && !(stage == STAGE_SERVERS && !options->num_servers))
        log_notice("%.*s", (int)text.len, text.data);
    buf_free(&text);
}

void root_phase(struct root *root, enum stage stage)
{
    int phase = phase_of(stage);

    root_end_phases(root);
    root->phases[phase].start_ms = clock_ms() - root->attempt_start;
    if (stage == STAGE_TRAINERS)
        root->next_waiting = CLOCK_NEVER;
    say_phase(root, stage);
}

/* ---- whom it waits for ---- */

int root_awaited(const struct root *root, int *of)
{
    int left = 0;

    *of = 0;
    for (int r = 0; r < root->size; r++) {
        *of += root->waiting[r].of;
        left += root->waiting[r].left;
    }
    return left;
}

/* "2 of 3 trainers have ended; ": they should end together. */
static void add_ended(struct buf *text, const struct root *root)
{
    int of, left = root_awaited(root, &of);

    buf_addf(text, "%d of %d trainers have ended; ", of - left, of);
}

static void say_waiting(struct root *root, enum role role, int64_t now)
{
    enum { NAMED_MACHINES = 4 };
    struct buf text = {0};
    int n = 0;

    if (role == ROLE_TRAINER)
        add_ended(&text, root);
    buf_addf(&text, "waiting for ");
    for (int r = 0; r < root->size; r++) {
        const struct waiting *waiting = &root->waiting[r];

        if (!waiting->left || waiting->role != role || n++ >= NAMED_MACHINES)
            continue;
        buf_addf(&text, "%s", n > 1 ? "; " : "");
        report_awaited(&text, waiting, root->meeting->seats[r].host, now - root->waiting_came[r]);
    }
    if (n > NAMED_MACHINES)
        buf_addf(&text, "; and on %d more machines", n - NAMED_MACHINES);
    if (n)
        log_notice("%.*s", (int)text.len, text.data);
    buf_free(&text);
}

static bool is_in(const struct root *root, enum stage stage)
{
    const struct phase *phase = &root->phases[phase_of(stage)];

    return phase->start_ms >= 0 && phase->end_ms < 0;
}

void root_await_anew(struct root *root, int64_t now)
{
    root->waiting_pause = ROOT_WAITING_FIRST_MS;
    root->next_waiting = now + root->waiting_pause;
}

static int64_t longer(int64_t pause)
{
    return 2 * pause < WAITING_MOST_MS ? 2 * pause : WAITING_MOST_MS;
}

void root_tell_awaited(struct root *root, int64_t now)
{
    bool servers = is_in(root, STAGE_SERVERS);
    int64_t last = root->next_waiting - root->waiting_pause;
    bool early = servers && root->waiting_changed && console_is_terminal(root->console) &&
                 now >= last + WAITING_TERMINAL_MS;

    if (now < root->next_waiting && !early)
        return;
    if (!early)
        root->waiting_pause = longer(root->waiting_pause);
    root->next_waiting = now + root->waiting_pause;
    root->waiting_changed = false;
    if (servers)
        say_waiting(root, ROLE_SERVER, now);
    else if (is_in(root, STAGE_TRAINERS))
        say_waiting(root, ROLE_TRAINER, now);
}
