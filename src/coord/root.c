/* root: what rank 0 alone does while the job runs. Knows no MPI and no keeper; what has happened is
 * told to it.
 */
#include "coord/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "config.h"
#include "coord/attempts.h"
#include "report/report.h"

enum {
    RESTART_DELAY_MAX_MS = 60000,
    WAITING_EVERY_MS = 10000,
    WAITING_TERMINAL_MS = 1000,
    LEFT_GRACE_MS =
        10000, /* DGL tells all servers to leave at once; this is how far apart they do */
};

struct root {
    struct job *job;
    const struct meeting *meeting;
    int size;
    struct console *console;
    struct outcome *outcomes; /* by rank; host is NULL until it has come */
    int64_t *came;            /* when */
    bool *has_come;
    int64_t *heard; /* when something last came from the rank */
    char **waiting; /* by rank; NULL: nothing */
    int64_t next_waiting;
    bool waiting_changed;
    char *program; /* of the first rank that told; NULL: none has */
    int program_from;
    bool program_warned;
    bool *has_left;
    int n_left;
    struct cause *left; /* of the first that left */
    int64_t left_came, left_deadline;
    struct phase phases[PHASES];
    int64_t start, attempt_start;
    struct attempts attempts;  /* those before this one */
    const struct cause *cause; /* this one's, once concluded; borrowed */
    char started_at[32];
    char *command;
};

/* ---- run folder ---- */

static char *in_run_dir(const struct root *root, const char *name)
{
    return mem_printf("%s/%s", root->job->run_dir, name);
}

/* RUNS/latest -> JOB_ID, replaced at once by rename; of use only for the default folder. */
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

static void make_run_dir(struct root *root, struct err *err)
{
    struct job *job = root->job;
    struct err why = {0};

    if (!job->run_dir)
        return;
    if (!file_make_folders(job->run_dir, 0777, &why) && !access(job->run_dir, W_OK)) {
        link_latest(root);
        return;
    }
    if (!why.code)
        err_set(&why, EXIT_USAGE, "cannot write in '%s': %s", job->run_dir, strerror(errno));
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

/* What is known of an attempt when it begins: nothing. */
static void begin_attempt(struct root *root)
{
    static const char *const names[PHASES] = {"servers", "trainers", "drain", "stop"};

    root->attempt_start = clock_ms();
    root->next_waiting = root->attempt_start + WAITING_EVERY_MS;
    root->waiting_changed = false;
    root->left_deadline = CLOCK_NEVER;
    root->n_left = 0;
    for (int i = 0; i < PHASES; i++)
        root->phases[i] = (struct phase){.name = names[i], .start_ms = -1, .end_ms = -1};
}

struct root *root_open(struct job *job, const struct meeting *meeting, int size,
                       void (*credit)(void *arg, int from, size_t len), void *arg, struct err *err)
{
    struct root *root = mem_calloc(1, sizeof(*root));
    size_t n = (size_t)size;

    root->job = job;
    root->meeting = meeting;
    root->size = size;
    root->outcomes = mem_calloc(n, sizeof(*root->outcomes));
    root->came = mem_calloc(n, sizeof(*root->came));
    root->has_come = mem_calloc(n, sizeof(*root->has_come));
    root->heard = mem_calloc(n, sizeof(*root->heard));
    root->waiting = mem_calloc(n, sizeof(*root->waiting));
    root->has_left = mem_calloc(n, sizeof(*root->has_left));
    root->start = clock_ms();
    root->command = command_text(&job->options);
    clock_utc_extended(root->started_at, sizeof(root->started_at));
    begin_attempt(root);
    root->console = console_open(credit, arg);
    log_set_sink(say_line, root->console);
    make_run_dir(root, err);
    return root;
}

void root_close(struct root *root)
{
    log_set_sink(NULL, NULL);
    if (root->console)
        console_close(root->console);
    for (int r = 0; r < root->size; r++) {
        outcome_clear(&root->outcomes[r]);
        free(root->waiting[r]);
    }
    cause_free(root->left);
    attempts_free(&root->attempts);
    free(root->program);
    free(root->outcomes);
    free(root->came);
    free(root->has_come);
    free(root->heard);
    free(root->waiting);
    free(root->has_left);
    free(root->command);
    free(root);
}

struct console *root_console(struct root *root)
{
    return root->console;
}

/* ---- while it runs ---- */

static void end_phases(struct root *root)
{
    for (int i = 0; i < PHASES; i++)
        if (root->phases[i].start_ms >= 0 && root->phases[i].end_ms < 0)
            root->phases[i].end_ms = clock_ms() - root->attempt_start;
}

void root_phase(struct root *root, enum root_phase phase)
{
    end_phases(root);
    root->phases[phase].start_ms = clock_ms() - root->attempt_start;
    log_verbose("%s", phase == PHASE_SERVERS    ? "starting servers"
                      : phase == PHASE_TRAINERS ? "all servers listen; starting trainers"
                      : phase == PHASE_DRAIN    ? "all trainers have ended; servers may leave"
                                                : "stopping everything");
}

void root_waiting(struct root *root, int from, const char *text)
{
    free(root->waiting[from]);
    root->waiting[from] = *text ? mem_strdup(text) : NULL;
    root->waiting_changed = true;
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

static void say_waiting(struct root *root)
{
    enum { NAMED_MACHINES = 4 };
    struct buf text = {0};
    int n = 0;

    for (int r = 0; r < root->size; r++) {
        if (!root->waiting[r])
            continue;
        if (n++ < NAMED_MACHINES)
            buf_addf(&text, "%s%s on %s", n > 1 ? "; " : "", root->waiting[r],
                     root->meeting->seats[r].host);
    }
    if (n > NAMED_MACHINES)
        buf_addf(&text, "; and on %d more machines", n - NAMED_MACHINES);
    if (n)
        log_notice("waiting for %.*s", (int)text.len, text.data);
    buf_free(&text);
}

static void tick_waiting(struct root *root, int64_t now)
{
    bool early = root->waiting_changed && console_is_terminal(root->console) &&
                 now >= root->next_waiting - WAITING_EVERY_MS + WAITING_TERMINAL_MS;

    if (now < root->next_waiting && !early)
        return;
    root->next_waiting = now + WAITING_EVERY_MS;
    root->waiting_changed = false;
    if (root->phases[PHASE_SERVERS].start_ms >= 0 && root->phases[PHASE_SERVERS].end_ms < 0)
        say_waiting(root);
}

void root_left(struct root *root, int from, struct cause *cause)
{
    if (!root->has_left[from]) {
        root->has_left[from] = true;
        root->n_left++;
    }
    if (!root->left) {
        root->left = cause;
        root->left_came = clock_ms();
        root->left_deadline = root->left_came + LEFT_GRACE_MS;
    } else {
        cause_free(cause);
    }
    if (root->n_left == root->size)
        root->left_deadline = CLOCK_NEVER;
}

struct cause *root_tick(struct root *root, int64_t now)
{
    tick_waiting(root, now);
    if (now < root->left_deadline || root->phases[PHASE_DRAIN].start_ms >= 0)
        return NULL;
    root->left_deadline = CLOCK_NEVER;
    root->left->age_ms += now - root->left_came;
    root->left_came = now;
    return cause_copy(root->left);
}

/* ---- the end ---- */

void root_outcome(struct root *root, int from, struct outcome *outcome)
{
    outcome_clear(&root->outcomes[from]);
    root->outcomes[from] = *outcome;
    *outcome = (struct outcome){0};
    root->outcomes[from].rank = from;
    root->has_come[from] = true;
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

bool root_complete(const struct root *root, int lost)
{
    for (int r = 0; r < root->size; r++)
        if (!root->has_come[r] && root->meeting->machine_of[r] != lost)
            return false;
    return true;
}

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

static void write_report(struct root *root, const struct report *report)
{
    static const struct {
        const char *name;
        void (*make)(struct buf *out, const struct report *report);
    } files[] = {{"report.json", report_json}, {"report.html", report_html}};

    for (size_t i = 0; root->job->run_dir && i < sizeof(files) / sizeof(files[0]); i++) {
        char *path = in_run_dir(root, files[i].name);
        struct buf text = {0};
        struct err err = {0};

        files[i].make(&text, report);
        if (file_write(path, text.data, text.len, &err))
            log_warning("%s", err.text);
        buf_free(&text);
        free(path);
    }
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

/* The first failure, all ages brought to this moment. Borrowed from an outcome, or known. */
static const struct cause *first_cause(struct root *root, const struct cause *known)
{
    const struct cause **causes = mem_calloc((size_t)root->size, sizeof(*causes));
    const struct cause *first;
    int64_t now = clock_ms();

    for (int r = 0; r < root->size; r++) {
        if (!root->outcomes[r].cause)
            continue;
        root->outcomes[r].cause->age_ms += now - root->came[r];
        causes[r] = root->outcomes[r].cause;
    }
    first = report_first_cause(causes, root->size);
    free(causes);
    return first ? first : known;
}

/* Lines of text, one call a line: a line of ours is never longer than what a reader can take. */
static void say_lines(struct root *root, struct buf *text)
{
    buf_add(text, "", 1);
    console_say(root->console, text->data);
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
    for (int r = 0; r < root->size; r++)
        if (root->waiting[r] && root->meeting->machine_of[r] != first->machine)
            log_error("%s was not ready in time either: %s", root->meeting->seats[r].host,
                      root->waiting[r]);
}

/* Where the console is gone with mpirun, the folder of the logs still tells. */
static void write_last_words(struct root *root, const struct buf *text)
{
    char *path;
    int fd;

    if (!root->job->run_dir)
        return;
    path = mem_printf("%s/logs/%s.launcher.log", root->job->run_dir, root->meeting->seats[0].host);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd >= 0 && write(fd, text->data, text->len) < 0)
        log_verbose("cannot write '%s': %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(path);
}

static void say_end(struct root *root, const struct report *report)
{
    const struct cause *cause = report->cause;
    struct buf text = {0};

    if (!root->job->options.quiet) {
        report_summary(&text, report, root->job->run_dir);
        say_lines(root, &text);
    }
    if (!cause)
        return;
    if (cause->how == HOW_CHECK_FAILED)
        say_other_checks(root, cause);
    if (cause->how == HOW_START_TIMEOUT)
        say_others_waiting(root, cause);
    report_cause_block(&text, cause);
    write_last_words(root, &text);
    say_lines(root, &text);
}

/* Is this a failure of the job's own processes? The others would come again, or are not ours to
 * undo. */
static bool is_worth_a_restart(const struct cause *cause)
{
    return cause->how == HOW_EXITED || cause->how == HOW_SIGNALED || cause->how == HOW_LEFT_EARLY ||
           cause->how == HOW_START_TIMEOUT;
}

/* Twice as long each time, up to a minute or what the user wants. */
static int64_t restart_delay(const struct root *root)
{
    int64_t first = root->job->options.restart_delay_ms;
    int64_t most = first > RESTART_DELAY_MAX_MS ? first : RESTART_DELAY_MAX_MS;
    int doublings = root->job->attempt < 20 ? root->job->attempt : 20;

    return first << doublings < most ? first << doublings : most;
}

static void say_restart(struct root *root, const struct cause *cause)
{
    struct buf text = {0};

    report_sentence(&text, cause);
    log_warning("attempt %d of %d failed: %.*s; starting again in %g s", root->job->attempt + 1,
                root->job->options.max_restarts + 1, (int)text.len, text.data,
                (double)restart_delay(root) / 1000);
    buf_free(&text);
}

int root_conclude(struct root *root, const struct cause *known, bool may_restart, bool *restart)
{
    const struct cause *cause = first_cause(root, known);
    bool complete = root_complete(root, -1);
    struct report report;

    root->cause = cause;
    *restart = may_restart && cause && is_worth_a_restart(cause) &&
               root->job->attempt < root->job->options.max_restarts;
    fill_missing(root);
    end_phases(root);
    report = make_report(root, cause, complete);
    write_report(root, &report);
    if (*restart)
        say_restart(root, cause);
    else
        say_end(root, &report);
    free((void *)report.outcomes);
    return report.exit_code;
}

static void forget_attempt(struct root *root)
{
    for (int r = 0; r < root->size; r++) {
        root->outcomes[r] = (struct outcome){0}; /* kept by the attempts */
        root->has_come[r] = root->has_left[r] = false;
        free(root->waiting[r]);
        root->waiting[r] = NULL;
    }
    cause_free(root->left);
    root->left = NULL;
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
    begin_attempt(root);
    return delay;
}
