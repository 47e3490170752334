/* json: report.json, made by cJSON. A test compares it with doc/report.schema.json. */
#include "report/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/text.h"
#include "report/hint.h"
#include "report/sentence.h"

static void add_text(cJSON *object, const char *name, const char *text)
{
    char *valid = text_utf8(text);

    if (valid)
        cJSON_AddStringToObject(object, name, valid);
    else
        cJSON_AddNullToObject(object, name);
    free(valid);
}

/* Adds a number, or null where it is less than least, which means unknown or never. */
static void add_number(cJSON *object, const char *name, int64_t value, int64_t least)
{
    if (value >= least)
        cJSON_AddNumberToObject(object, name, (double)value);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_seconds(cJSON *object, const char *name, int64_t ms)
{
    if (ms >= 0)
        cJSON_AddNumberToObject(object, name, (double)ms / 1000);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_item(cJSON *array, const char *text)
{
    char *valid = text_utf8(text);

    cJSON_AddItemToArray(array, cJSON_CreateString(valid));
    free(valid);
}

static void add_texts(cJSON *object, const char *name, const struct strv *texts, size_t most)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);

    for (size_t i = texts->n > most ? texts->n - most : 0; i < texts->n; i++)
        add_item(array, texts->items[i]);
}

/* Adds the cause's own text too, which has no other field. */
static void add_hint(cJSON *object, const struct cause *cause)
{
    const char *hint = report_hint(cause);
    struct buf text = {0};

    if (cause->text && cause->text[0])
        buf_addf(&text, "%s%s", cause->text, hint ? "; " : "");
    if (hint)
        buf_addf(&text, "%s", hint);
    if (text.len)
        buf_add(&text, "", 1);
    add_text(object, "hint", text.data);
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

static void add_cause(cJSON *attempt, const struct cause *cause)
{
    bool by_signal = cause && (cause->how == HOW_SIGNALED || cause->how == HOW_TOLD_TO_STOP ||
                               cause->how == HOW_PREEMPTED);
    cJSON *object;

    if (!cause) {
        cJSON_AddNullToObject(attempt, "cause");
        return;
    }
    object = cJSON_AddObjectToObject(attempt, "cause");
    add_text(object, "host", cause->host);
    add_number(object, "machine", cause->machine, 0);
    add_text(object, "role", role_name(cause->role));
    add_number(object, "id", cause->id, 0);
    add_number(object, "pid", cause->pid, 1);
    add_text(object, "how", report_how(cause->how));
    add_number(object, "exit_code", cause_exit_code(cause), 0);
    add_number(object, "signal", by_signal ? cause->value : 0, 1);
    add_seconds(object, "age_s", cause->age_ms > 0 ? cause->age_ms : 0);
    add_text(object, "exception", report_exception(cause));
    add_texts(object, "last_lines", &cause->last_lines, CAUSE_LINES);
    add_hint(object, cause);
}

static void add_phases(cJSON *attempt, const struct report *report)
{
    cJSON *phases = cJSON_AddArrayToObject(attempt, "phases");

    for (int i = 0; i < report->n_phases; i++) {
        cJSON *phase = cJSON_CreateObject();

        add_text(phase, "name", report->phases[i].name);
        add_seconds(phase, "start_s", report->phases[i].start_ms);
        add_seconds(phase, "end_s", report->phases[i].end_ms);
        cJSON_AddItemToArray(phases, phase);
    }
}

static cJSON *make_process(const struct process_outcome *process)
{
    cJSON *object = cJSON_CreateObject();

    add_text(object, "role", role_name(process->role));
    add_number(object, "id", process->id, 0);
    add_number(object, "pid", process->pid, 1);
    add_seconds(object, "start_s", process->start_ms);
    add_seconds(object, "ready_s", process->ready_ms);
    add_seconds(object, "end_s", process->end_ms);
    add_number(object, "exit_code", process->exit_code, 0);
    add_number(object, "signal", process->signal, 1);
    add_number(object, "max_rss_kb", process->max_rss_kb, 0);
    add_seconds(object, "user_s", process->user_ms);
    add_seconds(object, "sys_s", process->sys_ms);
    add_text(object, "log", process->log);
    return object;
}

static cJSON *make_machine(const struct outcome *outcome)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *processes, *warnings;

    add_number(object, "machine", outcome->machine, 0);
    add_number(object, "rank", outcome->rank, 0);
    add_text(object, "host", outcome->host);
    add_text(object, "ip", outcome->ip);
    add_number(object, "port", outcome->port, 1);
    add_number(object, "cpus", outcome->cpus, 1);
    processes = cJSON_AddArrayToObject(object, "processes");
    for (int i = 0; i < outcome->n_processes; i++)
        cJSON_AddItemToArray(processes, make_process(&outcome->processes[i]));
    warnings = cJSON_AddArrayToObject(object, "warnings");
    for (size_t i = 0; i < outcome->warnings.n; i++)
        add_item(warnings, outcome->warnings.items[i].text);
    return object;
}

static cJSON *make_attempt(const struct report *report)
{
    cJSON *attempt = cJSON_CreateObject();
    cJSON *machines;

    add_number(attempt, "attempt", report->attempt, 0);
    add_seconds(attempt, "start_s", report->start_ms);
    add_cause(attempt, report->cause);
    add_phases(attempt, report);
    machines = cJSON_AddArrayToObject(attempt, "machines");
    for (int i = 0; i < report->n_outcomes; i++)
        cJSON_AddItemToArray(machines, make_machine(&report->outcomes[i]));
    return attempt;
}

void report_json(struct buf *out, const struct report *report)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *attempts;
    char *text;

    add_text(root, "version", report->version);
    add_text(root, "job_id", report->job_id);
    cJSON_AddBoolToObject(root, "complete", report->complete);
    add_text(root, "command", report->command);
    add_number(root, "exit_code", report->exit_code, 0);
    add_text(root, "started_at", report->started_at);
    add_seconds(root, "wall_s", report->wall_ms);
    attempts = cJSON_AddArrayToObject(root, "attempts");
    for (int i = 0; i < report->n_earlier; i++)
        cJSON_AddItemToArray(attempts, make_attempt(&report->earlier[i]));
    cJSON_AddItemToArray(attempts, make_attempt(report));
    text = cJSON_Print(root);
    if (text)
        buf_addf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(root);
}
