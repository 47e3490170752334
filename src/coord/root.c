/* root: what rank 0 alone does while the job runs. Knows no MPI and no keeper; what has happened is
 * told to it.
 */
#include "coord/root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/watchdog.h"
#include "coord/root_phases.h"
#include "coord/root_state.h"
#include "coord/rundir.h"
#include "job/plan.h"
#include "report/report.h"

enum {
    FILES_ROOM = 128, /* bytes of the longest name in the run folder: logs/HOST.trainer-ID.N.log */
    LEFT_GRACE_MS = 10000, /* DGL tells all servers to leave at once; how far apart they do is
                              --exit_timeout, and this at least */
};

/* ---- run folder ---- */

char *root_in_run_dir(const struct root *root, const char *name)
{
    return mem_printf("%s/%s", root->job->run_dir, name);
}

/* Makes the link RUNS/latest -> JOB_ID, by a rename; only for the default folder. */
static void link_latest(const struct root *root)
{
    const char *name = strrchr(root->job->run_dir, '/');
    char *latest, *temporary;

    if (!name || root->job->options.run_dir)
        return;
    latest = mem_printf("%.*s/latest", (int)(name - root->job->run_dir), root->job->run_dir);
    temporary = mem_printf("%s.%d", latest, (int)getpid());
    if (symlink(name + 1, temporary) < 0 || rename(temporary, latest) < 0) {
        log_verbose("no link '%s': %s", latest, strerror(errno));
        unlink(temporary);
    }
    free(temporary);
    free(latest);
}

static int open_run_dir(const char *path, struct err *why)
{
    if (strlen(path) + FILES_ROOM >= PATH_MAX)
        return err_set(why, EXIT_USAGE,
                       "the path of the run folder '%s' is too long for files in it", path);
    if (rundir_make(path, why))
        return -1;
    if (access(path, W_OK))
        return err_set(why, EXIT_USAGE, "cannot write in '%s': %s", path, strerror(errno));
    return 0;
}

static void make_run_dir(struct root *root, struct err *err)
{
    struct job *job = root->job;
    struct err why = {0};
    int rc;

    if (!job->run_dir)
        return;
    watchdog_begin(
        watchdog_shorter(job->options.start_timeout_ms, job->options.lost_timeout_ms / 2),
        EXIT_START_TIME,
        "the run folder '%s' cannot be made: the file system does not answer; try 'ls' of the "
        "folder it is to be in by hand, or name another by --run_dir",
        job->run_dir);
    rc = open_run_dir(job->run_dir, &why);
    if (!rc)
        link_latest(root);
    watchdog_end();
    if (!rc)
        return;
    if (job->options.run_dir)
        err_set(err, EXIT_USAGE, "--run_dir: %s", why.text);
    else
        log_warning("no report and no log files: %s; name a folder by --run_dir", why.text);
    free(job->run_dir);
    job->run_dir = NULL;
}

/* ---- life ---- */

static void say_line(void *arg, const char *line)
{
    console_say(arg, line);
}

/* Credit goes back in parts of some size, so that a machine that prints little costs no message for
 * it. One that has used up all its credit always gets some when its lines have left. */
static void on_written(void *arg, int from, size_t len)
{
    struct root *root = arg;
    size_t owed = root->owed[from] + len;

    root->owed[from] = 0;
    if (owed >= (size_t)plan_credit(root->size) / PLAN_CREDIT_PARTS)
        root->credit(root->credit_arg, from, owed);
    else
        root->owed[from] = owed;
}

static char *command_text(const struct options *options)
{
    struct buf text = {0};

    if (options->command)
        return mem_strdup(options->command);
    for (size_t i = 0; i < options->argv.n; i++) {
        const char *word = options->argv.items[i];
        bool plain = *word && !strpbrk(word, " \t\n'\"\\$`&|;<>()*?[]{}!#~");

        buf_addf(&text, plain ? "%s%s" : "%s\"%s\"", i ? " " : "", word);
    }
    buf_add(&text, "", 1);
    return text.data;
}

static void expect_all(struct root *root)
{
    root->n_missing = root->size;
    for (int r = 0; r < root->size; r++) {
        root->has_come[r] = false;
        root->missing[r] = root->missing_at[r] = r;
    }
}

/* The last of the missing takes its place. */
static void expect_no_more(struct root *root, int from)
{
    int last = root->missing[--root->n_missing];

    root->missing[root->missing_at[from]] = last;
    root->missing_at[last] = root->missing_at[from];
    root->has_come[from] = true;
}

void root_begin_attempt(struct root *root)
{
    expect_all(root);
    memset(root->owed, 0, (size_t)root->size * sizeof(*root->owed)); /* keepers begin with all */
    memset(root->still, 0, (size_t)root->size * sizeof(*root->still));
    root->n_still = 0;
    root->is_asked = false;
    root->last_ended = 0;
    root->stall_told = false;
    notices_free(&root->notices);
    root->attempt_start = clock_ms();
    root_await_anew(root, root->attempt_start);
    root->waiting_changed = false;
    root->left_deadline = CLOCK_NEVER;
    root->n_left = 0;
    root_begin_phases(root);
}

void root_tell_notices(struct root *root)
{
    notices_tell(&root->notices, CLOCK_NEVER, say_line, root->console);
}

struct root *root_open(struct job *job, const struct meeting *meeting, int size,
                       struct scribe *scribe, void (*credit)(void *arg, int from, size_t len),
                       void *arg, struct err *err)
{
    struct root *root = mem_calloc(1, sizeof(*root));
    size_t n = (size_t)size;

    root->job = job;
    root->meeting = meeting;
    root->size = size;
    root->scribe = scribe;
    root->outcomes = mem_calloc(n, sizeof(*root->outcomes));
    root->came = mem_calloc(n, sizeof(*root->came));
    root->has_come = mem_calloc(n, sizeof(*root->has_come));
    root->still = mem_calloc(n, sizeof(*root->still));
    root->has_told = mem_calloc(n, sizeof(*root->has_told));
    root->owed = mem_calloc(n, sizeof(*root->owed));
    root->missing = mem_calloc(n, sizeof(*root->missing));
    root->missing_at = mem_calloc(n, sizeof(*root->missing_at));
    root->heard = mem_calloc(n, sizeof(*root->heard));
    root->waiting = mem_calloc(n, sizeof(*root->waiting));
    root->waiting_came = mem_calloc(n, sizeof(*root->waiting_came));
    root->has_left = mem_calloc(n, sizeof(*root->has_left));
    root->command = command_text(&job->options);
    clock_utc_extended(root->started_at, sizeof(root->started_at));
    root_begin_attempt(root);
    root->start = root->attempt_start; /* one reading of the clock: the first starts at 0 */
    root->credit = credit;
    root->credit_arg = arg;
    root->console = console_open(on_written, root);
    log_set_sink(say_line, root->console);
    make_run_dir(root, err);
    return root;
}

void root_close(struct root *root)
{
    log_set_sink(NULL, NULL);
    if (root->console)
        console_close(root->console);
    for (int r = 0; r < root->size; r++)
        outcome_clear(&root->outcomes[r]);
    cause_free(root->left);
    attempts_free(&root->attempts);
    free(root->program);
    free(root->outcomes);
    free(root->came);
    free(root->has_come);
    free(root->has_told);
    free(root->still);
    free(root->owed);
    free(root->missing);
    free(root->missing_at);
    free(root->heard);
    notices_free(&root->notices);
    free(root->waiting);
    free(root->waiting_came);
    free(root->has_left);
    free(root->command);
    free(root->ask);
    free(root->instead);
    free(root);
}

struct console *root_console(struct root *root)
{
    return root->console;
}

/* ---- while it runs ---- */

void root_waiting(struct root *root, int from, const struct waiting *waiting)
{
    if (waiting->role == ROLE_TRAINER && waiting->left < waiting->of &&
        waiting->left != root->waiting[from].left)
        root->last_ended = clock_ms();
    root->waiting[from] = *waiting;
    root->waiting_came[from] = clock_ms();
    root->waiting_changed = true;
    if (waiting->role == ROLE_TRAINER && waiting->left < waiting->of &&
        root->next_waiting == CLOCK_NEVER)
        root_await_anew(root, clock_ms());
}

void root_program(struct root *root, int from, const char *path)
{
    const struct seat *seats = root->meeting->seats;

    if (!root->program) {
        root->program = mem_strdup(path);
        root->program_from = from;
    } else if (strcmp(root->program, path) && !root->program_warned) {
        root->program_warned = true;
        log_warning("the command is '%s' on %s and '%s' on %s; is the same environment there?",
                    root->program, seats[root->program_from].host, path, seats[from].host);
    }
}

static bool is_of_the_job(const struct root *root, uint32_t address)
{
    for (int r = 0; r < root->size; r++) {
        const struct seat *seat = &root->meeting->seats[r];

        for (int i = 0; i < seat->n_addresses && i < PLACEMENT_ADDRESSES; i++)
            if (seat->addresses[i] == address)
                return true;
    }
    return false;
}

void root_foreign(struct root *root, int from, uint32_t address, uint32_t port)
{
    for (int i = 0; i < root->n_foreign; i++)
        if (root->foreign[i] == address)
            return;
    if (root->n_foreign == ROOT_FOREIGN_MOST || is_of_the_job(root, address))
        return;
    root->foreign[root->n_foreign++] = address;
    log_warning("%u.%u.%u.%u, which is no machine of this job, has connected to the server's port "
                "%u on %s (a port scanner?); if it came before all trainers had, it has taken the "
                "place of one, and DGL waits for ever: then end the job and start it again, with "
                "other ports in ip_config or a firewall",
                address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255, port,
                root->meeting->seats[from].host);
}

void root_notice(struct root *root, int from, const char *line)
{
    if (notices_take(&root->notices, root->meeting->seats[from].host, line, clock_ms()))
        console_say(root->console, line);
}

void root_left(struct root *root, int from, struct cause *cause)
{
    int64_t exit_timeout = root->job->options.exit_timeout_ms;

    if (!root->has_left[from]) {
        root->has_left[from] = true;
        root->n_left++;
    }
    if (!root->left) {
        root->left = cause;
        root->left_came = clock_ms();
        root->left_deadline =
            root->left_came + (exit_timeout > LEFT_GRACE_MS ? exit_timeout : LEFT_GRACE_MS);
    } else {
        cause_free(cause);
    }
    if (root->n_left == root->size)
        root->left_deadline = CLOCK_NEVER;
}

struct cause *root_tick(struct root *root, int64_t now)
{
    root_tell_awaited(root, now);
    notices_tell(&root->notices, now, say_line, root->console);
    if (now < root->left_deadline || root_has_begun(root, STAGE_DRAIN))
        return NULL;
    root->left_deadline = CLOCK_NEVER;
    root->left->age_ms += now - root->left_came;
    root->left_came = now;
    return cause_copy(root->left);
}

/* ---- the end ---- */

void root_outcome(struct root *root, int from, struct outcome *outcome)
{
    /* again, by another way, or too late: the report may borrow from the one that is there */
    if (root->has_come[from] || root->settle_from) {
        outcome_clear(outcome);
        return;
    }
    outcome_clear(&root->outcomes[from]);
    root->outcomes[from] = *outcome;
    *outcome = (struct outcome){0};
    root->outcomes[from].rank = from;
    if (!root->has_come[from])
        expect_no_more(root, from);
    root->came[from] = clock_ms();
}

void root_heard(struct root *root, int from, int64_t now)
{
    root->heard[from] = now;
}

int64_t root_lacks(const struct root *root, int from)
{
    return root->has_come[from] ? CLOCK_NEVER : root->heard[from];
}

const int *root_missing(const struct root *root, int *n)
{
    *n = root->n_missing;
    return root->missing;
}

bool root_complete(const struct root *root, int lost)
{
    return root->n_missing == 0 || (root->n_missing == 1 && lost >= 0 &&
                                    root->meeting->machine_of[root->missing[0]] == lost);
}
