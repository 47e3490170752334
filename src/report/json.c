/* json: report.json, written as it goes along, since a tree of it would need some hundred MB for
 * ten thousand machines. A test compares it with doc/report.schema.json.
 */
#include "report/json.h"

#include <string.h>

#include "base/text.h"
#include "report/hint.h"
#include "report/sentence.h"

/* Each value stands in a line of its own, but for what a flat object or array holds. */
struct writer {
    struct buf *out;
    int depth;
    int flat;      /* the depth from which on all stands in one line; 0: none yet */
    bool has_more; /* a value stands before the next one, at the same depth */
};

static void add(struct writer *w, const char *text)
{
    buf_add(w->out, text, strlen(text));
}

static void break_line(struct writer *w)
{
    enum { INDENT = 2 };
    size_t blanks = (size_t)w->depth * INDENT;

    if (w->flat)
        return;
    memset(buf_reserve(w->out, blanks + 1), ' ', blanks + 1);
    w->out->data[w->out->len] = '\n';
    w->out->len += blanks + 1;
}

/* Begins a value. name: of a member; NULL: in an array. */
static void begin(struct writer *w, const char *name)
{
    if (w->has_more)
        add(w, w->flat ? ", " : ",");
    break_line(w);
    w->has_more = true;
    if (!name)
        return;
    add(w, "\"");
    add(w, name);
    add(w, "\": ");
}

/* An object or array; bracket opens it. */
static void enter(struct writer *w, const char *name, const char *bracket)
{
    begin(w, name);
    add(w, bracket);
    w->depth++;
    w->has_more = false;
}

/* The same, in one line. */
static void enter_flat(struct writer *w, const char *name, const char *bracket)
{
    enter(w, name, bracket);
    w->flat = w->depth;
}

static void leave(struct writer *w, const char *bracket)
{
    w->depth--;
    if (w->has_more)
        break_line(w);
    if (w->depth < w->flat)
        w->flat = 0;
    add(w, bracket);
    w->has_more = true;
}

static void add_text(struct writer *w, const char *name, const char *text)
{
    begin(w, name);
    if (!text) {
        add(w, "null");
        return;
    }
    add(w, "\"");
    text_json(w->out, text);
    add(w, "\"");
}

static void add_bool(struct writer *w, const char *name, bool value)
{
    begin(w, name);
    add(w, value ? "true" : "false");
}

/* Adds a number, or null where it is less than least, which means unknown or never. */
static void add_number(struct writer *w, const char *name, int64_t value, int64_t least)
{
    begin(w, name);
    if (value >= least)
        buf_addf(w->out, "%lld", (long long)value);
    else
        add(w, "null");
}

static void add_seconds(struct writer *w, const char *name, int64_t ms)
{
    begin(w, name);
    if (ms < 0)
        add(w, "null");
    else
        buf_addf(w->out, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

/* Adds the cause's own text too, which has no other field. */
static void add_hint(struct writer *w, const struct cause *cause)
{
    const char *hint = report_hint(cause);
    struct buf text = {0};

    if (cause->text && cause->text[0])
        buf_addf(&text, "%s%s", cause->text, hint ? "; " : "");
    if (hint)
        buf_addf(&text, "%s", hint);
    if (text.len)
        buf_add(&text, "", 1);
    add_text(w, "hint", text.data);
    buf_free(&text);
}

static int64_t cause_exit_code(const struct cause *cause)
{
    switch (cause->how) {
    case HOW_EXITED: return cause->value;
    case HOW_LEFT_EARLY: return 0;
    case HOW_EXEC_FAILED: return cause->code;
    default: return -1;
    }
}

static void add_last_lines(struct writer *w, const struct strv *lines)
{
    enter(w, "last_lines", "[");
    for (size_t i = lines->n > CAUSE_LINES ? lines->n - CAUSE_LINES : 0; i < lines->n; i++)
        add_text(w, NULL, lines->items[i]);
    leave(w, "]");
}

static void add_cause(struct writer *w, const struct cause *cause)
{
    bool by_signal = cause && (cause->how == HOW_SIGNALED || cause->how == HOW_TOLD_TO_STOP ||
                               cause->how == HOW_PREEMPTED);

    if (!cause) {
        add_text(w, "cause", NULL);
        return;
    }
    enter(w, "cause", "{");
    add_text(w, "host", cause->host);
    add_number(w, "machine", cause->machine, 0);
    add_text(w, "role", role_name(cause->role));
    add_number(w, "id", cause->id, 0);
    add_number(w, "pid", cause->pid, 1);
    add_text(w, "how", report_how(cause->how));
    add_number(w, "exit_code", cause_exit_code(cause), 0);
    add_number(w, "signal", by_signal ? cause->value : 0, 1);
    add_seconds(w, "age_s", cause->age_ms > 0 ? cause->age_ms : 0);
    add_text(w, "exception", report_exception(cause));
    add_last_lines(w, &cause->last_lines);
    add_hint(w, cause);
    leave(w, "}");
}

static void add_phases(struct writer *w, const struct report *report)
{
    enter(w, "phases", "[");
    for (int i = 0; i < report->n_phases; i++) {
        enter_flat(w, NULL, "{");
        add_text(w, "name", report->phases[i].name);
        add_seconds(w, "start_s", report->phases[i].start_ms);
        add_seconds(w, "end_s", report->phases[i].end_ms);
        leave(w, "}");
    }
    leave(w, "]");
}

/* What was never sampled has no processes. */
static void add_usage(struct writer *w, const char *name, const struct usage *usage)
{
    if (usage->processes == 0) {
        add_text(w, name, NULL);
        return;
    }
    enter_flat(w, name, "{");
    add_number(w, "rss_kb", usage->rss_kb, 0);
    add_number(w, "private_kb", usage->private_kb, 0);
    add_number(w, "threads", usage->threads, 0);
    add_number(w, "files", usage->files, 0);
    add_number(w, "processes", usage->processes, 0);
    leave(w, "}");
}

static void add_now(struct writer *w, const struct process_now *now)
{
    if (!now) {
        add_text(w, "now", NULL);
        return;
    }
    enter(w, "now", "{");
    add_text(w, "state", now->state);
    add_text(w, "call", now->call);
    add_text(w, "peer", now->peer);
    add_text(w, "below", now->below);
    add_seconds(w, "cpu", now->cpu_permille);
    add_usage(w, "used", &now->used);
    add_seconds(w, "silent_s", now->silent_ms);
    add_text(w, "last_line", now->line);
    leave(w, "}");
}

static void add_curve(struct writer *w, const struct curve *curve)
{
    enter(w, "curve", "[");
    for (int i = 0; i < curve->n; i++) {
        const struct moment *moment = &curve->moments[i];

        enter_flat(w, NULL, "{");
        add_seconds(w, "at_s", moment->at_ms);
        add_seconds(w, "cpu", moment->cpu_permille);
        add_number(w, "private_kb", moment->private_kb, 0);
        add_number(w, "memory_kb", moment->memory_kb, 0);
        add_number(w, "shm_kb", moment->shm_kb, 0);
        leave(w, "}");
    }
    leave(w, "]");
}

static void add_process(struct writer *w, const struct process_outcome *process)
{
    enter_flat(w, NULL, "{");
    add_text(w, "role", role_name(process->role));
    add_number(w, "id", process->id, 0);
    add_number(w, "pid", process->pid, 1);
    add_seconds(w, "start_s", process->start_ms);
    add_seconds(w, "ready_s", process->ready_ms);
    add_seconds(w, "end_s", process->end_ms);
    add_number(w, "exit_code", process->exit_code, 0);
    add_number(w, "signal", process->signal, 1);
    add_number(w, "max_rss_kb", process->max_rss_kb, 0);
    add_seconds(w, "user_s", process->user_ms);
    add_seconds(w, "sys_s", process->sys_ms);
    add_usage(w, "peak", &process->peak);
    add_now(w, process->now);
    add_text(w, "log", process->log);
    leave(w, "}");
}

static void add_machine(struct writer *w, const struct outcome *outcome)
{
    enter(w, NULL, "{");
    add_number(w, "machine", outcome->machine, 0);
    add_number(w, "rank", outcome->rank, 0);
    add_text(w, "host", outcome->host);
    add_text(w, "ip", outcome->ip);
    add_number(w, "port", outcome->port, 1);
    add_number(w, "cpus", outcome->cpus, 1);
    add_number(w, "memory_kb", outcome->memory_kb, 1);
    add_number(w, "shm_kb", outcome->shm_kb, 1);
    add_curve(w, &outcome->curve);
    add_seconds(w, "told_s", outcome->told_ms);
    enter(w, "processes", "[");
    for (int i = 0; i < outcome->n_processes; i++)
        add_process(w, &outcome->processes[i]);
    leave(w, "]");
    enter(w, "warnings", "[");
    for (size_t i = 0; i < outcome->warnings.n; i++)
        add_text(w, NULL, outcome->warnings.items[i].text);
    leave(w, "]");
    leave(w, "}");
}

static void add_attempt(struct writer *w, const struct report *report)
{
    enter(w, NULL, "{");
    add_number(w, "attempt", report->attempt, 0);
    add_seconds(w, "start_s", report->start_ms);
    add_cause(w, report->cause);
    add_phases(w, report);
    enter(w, "machines", "[");
    for (int i = 0; i < report->n_outcomes; i++)
        add_machine(w, &report->outcomes[i]);
    leave(w, "]");
    leave(w, "}");
}

/* The one that runs; NULL: none does. */
static const char *phase_name(const struct report *report)
{
    for (int i = 0; report->runs && i < report->n_phases; i++)
        if (report->phases[i].start_ms >= 0 && report->phases[i].end_ms < 0)
            return report->phases[i].name;
    return NULL;
}

void report_json(struct buf *out, const struct report *report)
{
    struct writer w = {.out = out, .depth = 1};

    buf_add(out, "{", 1);
    add_text(&w, "version", report->version);
    add_text(&w, "job_id", report->job_id);
    add_bool(&w, "complete", report->complete);
    add_text(&w, "command", report->command);
    add_text(&w, "phase", phase_name(report));
    add_number(&w, "exit_code", report->exit_code, 0);
    add_text(&w, "ask", report->ask);
    add_text(&w, "started_at", report->started_at);
    add_seconds(&w, "wall_s", report->wall_ms);
    enter(&w, "attempts", "[");
    for (int i = 0; i < report->n_earlier; i++)
        add_attempt(&w, &report->earlier[i]);
    add_attempt(&w, report);
    leave(&w, "]");
    leave(&w, "}");
    buf_add(out, "\n", 1);
}
