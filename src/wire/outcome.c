/* outcome: copies, frees, packs and unpacks causes and outcomes. Knows neither who failed first nor
 * what to say about it.
 */
#include "wire/outcome.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/field.h"
#include "wire/message.h"

/* Bytes that are packed at least. */
enum { WARNING_MIN_SIZE = 12, PROCESS_MIN_SIZE = 144 };

#define OF_CAUSE(kind, member, min, max)   FIELD_OF(kind, struct cause, member, min, max)
#define OF_OUTCOME(kind, member, min, max) FIELD_OF(kind, struct outcome, member, min, max)
#define OF_PROCESS(member, min, max)                                                               \
    FIELD_OF(FIELD_NUMBER, struct process_outcome, member, min, max)

static const struct field cause_fields[] = {
    OF_CAUSE(FIELD_NUMBER, how, HOW_NONE, HOW_COUNT - 1),
    OF_CAUSE(FIELD_NUMBER, machine, -1, INT_MAX),
    OF_CAUSE(FIELD_OPTIONAL, host, 0, 0),
    OF_CAUSE(FIELD_NUMBER, role, ROLE_SERVER, ROLE_COUNT - 1),
    OF_CAUSE(FIELD_NUMBER, id, -1, INT_MAX),
    OF_CAUSE(FIELD_NUMBER, pid, 0, INT_MAX),
    OF_CAUSE(FIELD_NUMBER, value, INT_MIN, INT_MAX),
    OF_CAUSE(FIELD_NUMBER, code, 0, 255),
    OF_CAUSE(FIELD_NUMBER, age_ms, -FIELD_LARGEST, FIELD_LARGEST),
    OF_CAUSE(FIELD_OPTIONAL, text, 0, 0),
    OF_CAUSE(FIELD_OPTIONAL, exception, 0, 0),
    OF_CAUSE(FIELD_OPTIONAL, log, 0, 0),
    OF_CAUSE(FIELD_STRV, last_lines, 0, 0),
};

static const struct field process_fields[] = {
    OF_PROCESS(role, ROLE_SERVER, ROLE_TRAINER),
    OF_PROCESS(id, 0, INT_MAX),
    OF_PROCESS(pid, 0, INT_MAX),
    OF_PROCESS(start_ms, -1, FIELD_LARGEST),
    OF_PROCESS(ready_ms, -1, FIELD_LARGEST),
    OF_PROCESS(end_ms, -1, FIELD_LARGEST),
    OF_PROCESS(exit_code, -1, 255),
    OF_PROCESS(signal, 0, NSIG - 1),
    OF_PROCESS(stopped, 0, 1),
    OF_PROCESS(max_rss_kb, -1, FIELD_LARGEST),
    OF_PROCESS(user_ms, -1, FIELD_LARGEST),
    OF_PROCESS(sys_ms, -1, FIELD_LARGEST),
    OF_PROCESS(peak.rss_kb, 0, FIELD_LARGEST),
    OF_PROCESS(peak.private_kb, 0, FIELD_LARGEST),
    OF_PROCESS(peak.threads, 0, INT_MAX),
    OF_PROCESS(peak.files, 0, INT_MAX),
    OF_PROCESS(peak.processes, 0, INT_MAX),
    FIELD_OF(FIELD_OPTIONAL, struct process_outcome, log, 0, 0),
};

#define OF_NOW(kind, member, min, max) FIELD_OF(kind, struct process_now, member, min, max)

static const struct field now_fields[] = {
    OF_NOW(FIELD_OPTIONAL, call, 0, 0),
    OF_NOW(FIELD_OPTIONAL, peer, 0, 0),
    OF_NOW(FIELD_OPTIONAL, below, 0, 0),
    OF_NOW(FIELD_OPTIONAL, line, 0, 0),
    OF_NOW(FIELD_NUMBER, silent_ms, 0, FIELD_LARGEST),
    OF_NOW(FIELD_NUMBER, cpu_permille, 0, FIELD_LARGEST),
    OF_NOW(FIELD_NUMBER, used.rss_kb, 0, FIELD_LARGEST),
    OF_NOW(FIELD_NUMBER, used.private_kb, 0, FIELD_LARGEST),
    OF_NOW(FIELD_NUMBER, used.threads, 0, INT_MAX),
    OF_NOW(FIELD_NUMBER, used.files, 0, INT_MAX),
    OF_NOW(FIELD_NUMBER, used.processes, 0, INT_MAX),
};

static const struct field warning_fields[] = {
    FIELD_OF(FIELD_TEXT, struct warning, text, 0, 0),
    FIELD_OF(FIELD_NUMBER, struct warning, age_ms, -FIELD_LARGEST, FIELD_LARGEST),
};

static const struct field machine_fields[] = {
    OF_OUTCOME(FIELD_NUMBER, machine, -1, INT_MAX),
    OF_OUTCOME(FIELD_NUMBER, rank, -1, INT_MAX),
    OF_OUTCOME(FIELD_OPTIONAL, host, 0, 0),
    OF_OUTCOME(FIELD_OPTIONAL, ip, 0, 0),
    OF_OUTCOME(FIELD_NUMBER, port, 0, UINT16_MAX),
    OF_OUTCOME(FIELD_NUMBER, cpus, 0, INT_MAX),
    OF_OUTCOME(FIELD_NUMBER, memory_kb, 0, FIELD_LARGEST),
    OF_OUTCOME(FIELD_NUMBER, shm_kb, 0, FIELD_LARGEST),
};

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

static void forget_now(struct process_outcome *process)
{
    if (!process->now)
        return;
    free(process->now->call);
    free(process->now->peer);
    free(process->now->below);
    free(process->now->line);
    free(process->now);
    process->now = NULL;
}

void outcome_forget_now(struct outcome *outcome)
{
    for (int i = 0; i < outcome->n_processes; i++)
        forget_now(&outcome->processes[i]);
}

void outcome_clear(struct outcome *outcome)
{
    outcome_forget_now(outcome);
    for (int i = 0; i < outcome->n_processes; i++)
        free(outcome->processes[i].log);
    free(outcome->processes);
    free(outcome->host);
    free(outcome->ip);
    curve_free(&outcome->curve);
    strv_free(&outcome->unkilled);
    warnings_clear(&outcome->warnings);
    cause_free(outcome->cause);
    *outcome = (struct outcome){0};
}

void message_pack_cause(struct buf *out, const struct cause *cause)
{
    FIELD_PACK(out, cause, cause_fields);
}

/* state is a letter, or 0. */
static void pack_process(struct buf *out, const struct process_outcome *process)
{
    FIELD_PACK(out, process, process_fields);
    pack_u32(out, process->now != NULL);
    if (!process->now)
        return;
    pack_u32(out, (unsigned char)process->now->state[0]);
    FIELD_PACK(out, process->now, now_fields);
}

static void unpack_process(struct unpack *u, struct process_outcome *process)
{
    uint32_t has_now, state;

    FIELD_UNPACK(u, process, process_fields);
    has_now = unpack_u32(u);
    u->bad |= has_now > 1;
    if (u->bad || !has_now)
        return;
    process->now = mem_calloc(1, sizeof(*process->now));
    state = unpack_u32(u);
    u->bad |= state && !isalpha((int)(state & 0x7f));
    u->bad |= state > 0x7f;
    process->now->state[0] = (char)state;
    FIELD_UNPACK(u, process->now, now_fields);
}

static struct cause *unpack_cause(struct unpack *u)
{
    struct cause *cause = mem_calloc(1, sizeof(*cause));

    FIELD_UNPACK(u, cause, cause_fields);
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

void message_pack_outcome(struct buf *out, const struct outcome *outcome)
{
    FIELD_PACK(out, outcome, machine_fields);
    pack_u32(out, (uint32_t)outcome->n_processes);
    for (int i = 0; i < outcome->n_processes; i++)
        pack_process(out, &outcome->processes[i]);
    pack_curve(out, &outcome->curve);
    pack_strv(out, &outcome->unkilled);
    pack_u32(out, (uint32_t)outcome->warnings.n);
    for (size_t i = 0; i < outcome->warnings.n; i++)
        FIELD_PACK(out, &outcome->warnings.items[i], warning_fields);
    pack_u32(out, outcome->cause != NULL);
    if (outcome->cause)
        message_pack_cause(out, outcome->cause);
}

static void unpack_processes(struct unpack *u, struct outcome *outcome)
{
    uint32_t n = unpack_count(u, PROCESS_MIN_SIZE);

    outcome->processes = mem_calloc(n, sizeof(*outcome->processes));
    while (outcome->n_processes < (int)n && !u->bad)
        unpack_process(u, &outcome->processes[outcome->n_processes++]);
}

static void unpack_warnings(struct unpack *u, struct warnings *warnings)
{
    uint32_t n = unpack_count(u, WARNING_MIN_SIZE);

    warnings->items = mem_calloc(n, sizeof(*warnings->items));
    while (warnings->n < n && !u->bad)
        FIELD_UNPACK(u, &warnings->items[warnings->n++], warning_fields);
}

int message_unpack_outcome(const char *data, size_t len, struct outcome *outcome)
{
    struct unpack u = {.at = data, .left = len, .bad = len > MESSAGE_MAX};
    uint32_t has_cause;

    *outcome = (struct outcome){0};
    FIELD_UNPACK(&u, outcome, machine_fields);
    unpack_processes(&u, outcome);
    unpack_curve(&u, &outcome->curve);
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
