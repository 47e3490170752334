/* outcome: copies, frees, packs and unpacks causes and outcomes. Knows neither who failed first nor
 * what to say about it.
 */
#include "wire/outcome.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/message.h"
#include "wire/pack.h"

/* Bytes that are packed at least. */
enum { WARNING_MIN_SIZE = 12, PROCESS_MIN_SIZE = 100 };

void cause_clear(struct cause *cause)
{
    free(cause->host);
    free(cause->text);
    free(cause->exception);
    free(cause->log);
    strv_free(&cause->last_lines);
    *cause = (struct cause){0};
}

void cause_free(struct cause *cause)
{
    if (!cause)
        return;
    cause_clear(cause);
    free(cause);
}

struct cause *cause_copy(const struct cause *cause)
{
    struct cause *copy = mem_calloc(1, sizeof(*copy));

    *copy = *cause;
    copy->host = mem_strdup(cause->host);
    copy->text = mem_strdup(cause->text);
    copy->exception = mem_strdup(cause->exception);
    copy->log = mem_strdup(cause->log);
    copy->last_lines = (struct strv){0};
    strv_add_all(&copy->last_lines, &cause->last_lines);
    return copy;
}

void warnings_add(struct warnings *warnings, const char *text, int64_t age_ms)
{
    warnings->items = mem_realloc(warnings->items, warnings->n + 1, sizeof(*warnings->items));
    warnings->items[warnings->n++] = (struct warning){mem_strdup(text), age_ms};
}

void warnings_clear(struct warnings *warnings)
{
    for (size_t i = 0; i < warnings->n; i++)
        free(warnings->items[i].text);
    free(warnings->items);
    *warnings = (struct warnings){0};
}

void outcome_clear(struct outcome *outcome)
{
    for (int i = 0; i < outcome->n_processes; i++)
        free(outcome->processes[i].log);
    free(outcome->processes);
    free(outcome->host);
    free(outcome->ip);
    strv_free(&outcome->unkilled);
    warnings_clear(&outcome->warnings);
    cause_free(outcome->cause);
    *outcome = (struct outcome){0};
}

void message_pack_cause(struct buf *out, const struct cause *cause)
{
    pack_i64(out, cause->how);
    pack_i64(out, cause->machine);
    pack_text(out, cause->host);
    pack_i64(out, cause->role);
    pack_i64(out, cause->id);
    pack_i64(out, cause->pid);
    pack_i64(out, cause->value);
    pack_i64(out, cause->code);
    pack_i64(out, cause->age_ms);
    pack_text(out, cause->text);
    pack_text(out, cause->exception);
    pack_text(out, cause->log);
    pack_strv(out, &cause->last_lines);
}

static struct cause *unpack_cause(struct unpack *u)
{
    struct cause *cause = mem_calloc(1, sizeof(*cause));

    cause->how = (enum how)unpack_int(u, HOW_NONE, HOW_COUNT - 1);
    cause->machine = unpack_int(u, -1, INT_MAX);
    cause->host = unpack_text(u);
    cause->role = (enum role)unpack_int(u, ROLE_SERVER, ROLE_COUNT - 1);
    cause->id = unpack_int(u, -1, INT_MAX);
    cause->pid = unpack_int(u, 0, INT_MAX);
    cause->value = unpack_int(u, INT_MIN, INT_MAX);
    cause->code = unpack_int(u, 0, 255);
    cause->age_ms = unpack_range(u, -PACK_LARGEST, PACK_LARGEST);
    cause->text = unpack_text(u);
    cause->exception = unpack_text(u);
    cause->log = unpack_text(u);
    unpack_strv(u, &cause->last_lines);
    return cause;
}

struct cause *message_unpack_cause(const char *data, size_t len)
{
    struct unpack u = {.at = data, .left = len, .bad = len > MESSAGE_MAX};
    struct cause *cause = unpack_cause(&u);

    if (!u.bad && !u.left)
        return cause;
    cause_free(cause);
    return NULL;
}

static void pack_process(struct buf *out, const struct process_outcome *process)
{
    pack_i64(out, process->role);
    pack_i64(out, process->id);
    pack_i64(out, process->pid);
    pack_i64(out, process->start_ms);
    pack_i64(out, process->ready_ms);
    pack_i64(out, process->end_ms);
    pack_i64(out, process->exit_code);
    pack_i64(out, process->signal);
    pack_i64(out, process->stopped);
    pack_i64(out, process->max_rss_kb);
    pack_i64(out, process->user_ms);
    pack_i64(out, process->sys_ms);
    pack_text(out, process->log);
}

static void unpack_process(struct unpack *u, struct process_outcome *process)
{
    process->role = (enum role)unpack_int(u, ROLE_SERVER, ROLE_TRAINER);
    process->id = unpack_int(u, 0, INT_MAX);
    process->pid = unpack_int(u, 0, INT_MAX);
    process->start_ms = unpack_range(u, -1, PACK_LARGEST);
    process->ready_ms = unpack_range(u, -1, PACK_LARGEST);
    process->end_ms = unpack_range(u, -1, PACK_LARGEST);
    process->exit_code = unpack_int(u, -1, 255);
    process->signal = unpack_int(u, 0, NSIG - 1);
    process->stopped = unpack_int(u, 0, 1);
    process->max_rss_kb = unpack_range(u, -1, PACK_LARGEST);
    process->user_ms = unpack_range(u, -1, PACK_LARGEST);
    process->sys_ms = unpack_range(u, -1, PACK_LARGEST);
    process->log = unpack_text(u);
}

static void pack_warnings(struct buf *out, const struct warnings *warnings)
{
    pack_u32(out, (uint32_t)warnings->n);
    for (size_t i = 0; i < warnings->n; i++) {
        pack_text(out, warnings->items[i].text);
        pack_i64(out, warnings->items[i].age_ms);
    }
}

static void unpack_warnings(struct unpack *u, struct warnings *warnings)
{
    uint32_t n = unpack_count(u, WARNING_MIN_SIZE);

    warnings->items = mem_calloc((size_t)n + 1, sizeof(*warnings->items));
    for (; warnings->n < n && !u->bad; warnings->n++) {
        warnings->items[warnings->n].text = unpack_needed_text(u);
        warnings->items[warnings->n].age_ms = unpack_range(u, -PACK_LARGEST, PACK_LARGEST);
    }
}

void message_pack_outcome(struct buf *out, const struct outcome *outcome)
{
    pack_i64(out, outcome->machine);
    pack_i64(out, outcome->rank);
    pack_text(out, outcome->host);
    pack_text(out, outcome->ip);
    pack_i64(out, outcome->port);
    pack_i64(out, outcome->cpus);
    pack_u32(out, (uint32_t)outcome->n_processes);
    for (int i = 0; i < outcome->n_processes; i++)
        pack_process(out, &outcome->processes[i]);
    pack_strv(out, &outcome->unkilled);
    pack_warnings(out, &outcome->warnings);
    pack_u32(out, outcome->cause != NULL);
    if (outcome->cause)
        message_pack_cause(out, outcome->cause);
}

static void unpack_processes(struct unpack *u, struct outcome *outcome)
{
    uint32_t n = unpack_count(u, PROCESS_MIN_SIZE);

    outcome->processes = mem_calloc(n, sizeof(*outcome->processes));
    for (; outcome->n_processes < (int)n && !u->bad; outcome->n_processes++)
        unpack_process(u, &outcome->processes[outcome->n_processes]);
}

int message_unpack_outcome(const char *data, size_t len, struct outcome *outcome)
{
    struct unpack u = {.at = data, .left = len, .bad = len > MESSAGE_MAX};
    uint32_t has_cause;

    *outcome = (struct outcome){0};
    outcome->machine = unpack_int(&u, -1, INT_MAX);
    outcome->rank = unpack_int(&u, -1, INT_MAX);
    outcome->host = unpack_text(&u);
    outcome->ip = unpack_text(&u);
    outcome->port = unpack_int(&u, 0, UINT16_MAX);
    outcome->cpus = unpack_int(&u, 0, INT_MAX);
    unpack_processes(&u, outcome);
    unpack_strv(&u, &outcome->unkilled);
    unpack_warnings(&u, &outcome->warnings);
    has_cause = unpack_u32(&u);
    if (!u.bad && has_cause == 1)
        outcome->cause = unpack_cause(&u);
    if (!u.bad && !u.left && has_cause <= 1)
        return 0;
    outcome_clear(outcome);
    return -1;
}
