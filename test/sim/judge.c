/* judge: notes while the job runs, and rules when it has ended. */
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "machine.h"

_Noreturn void __real__exit(int code);

enum {
    FACTS_MOST = 64,
    ATTEMPTS_MOST = 128,
    SHORT_STALL_MS = 400,   /* nobody takes such a machine for lost */
    URGENT_MOST = 16 << 10, /* bytes of a message that overtakes others */
    BULK_LEAST = 64 << 10,  /* and of the others, and so much more for each machine */
    BULK_MACHINE = 8 << 10
};

static struct {
    struct result *result;
    struct fact facts[FACTS_MOST];
    int n;
    int reached[STAGE_COUNT][ATTEMPTS_MOST];
    bool has_report, has_cause, has_exited;
    struct fact cause;
    int exit_code, attempt;
} judge;

void judge_open(struct result *result)
{
    judge.result = result;
}

_Noreturn void violated(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(judge.result->violation, sizeof(judge.result->violation), format, args);
    va_end(args);
    trace(NULL, "VIOLATED: %s", judge.result->violation);
    fflush(stdout);
    __real__exit(1);
}

/* ---- while it runs ---- */

void judge_note(const struct fact *fact)
{
    if (judge.n == FACTS_MOST)
        return;
    judge.facts[judge.n] = *fact;
    judge.facts[judge.n++].at = world_ms();
}

void judge_reached(enum stage stage, int attempt)
{
    judge.reached[stage][attempt]++;
}

void judge_gate(const struct node *node, uint32_t stage, int attempt)
{
    enum stage before = stage == STAGE_TRAINERS ? STAGE_LISTENING : STAGE_ENDED;

    if (stage != STAGE_SERVERS && judge.reached[before][attempt] < world.schedule->machines)
        violated("machine %d goes to stage %u when only %d of %d machines are ready", node->machine,
                 stage, judge.reached[before][attempt], world.schedule->machines);
}

void judge_exit(void)
{
    judge.has_exited = true;
}

void judge_report(const struct report *report)
{
    const struct cause *cause = report->cause;

    judge.has_report = true;
    judge.has_cause = cause;
    judge.exit_code = report->exit_code;
    judge.attempt = report->attempt;
    if (cause)
        judge.cause = (struct fact){.how = cause->how,
                                    .machine = cause->machine,
                                    .code = cause->code,
                                    .at = world_ms() - cause->age_ms};
}

void judge_leaving(const struct node *node)
{
    if (node->keeper && !machine_is_seen_off(node->keeper))
        violated("rank %d leaves beside a keeper that may still have processes", node->index);
}

/* ---- who is well ---- */

static bool happens_to(int machine, enum incident_kind kind, int least)
{
    const struct schedule *s = world.schedule;

    for (int i = 0; i < s->n; i++)
        if (s->incidents[i].kind == kind && s->incidents[i].value >= least &&
            (machine < 0 || s->incidents[i].machine == machine))
            return true;
    return false;
}

/* May others find it silent? machine -1: any. */
static bool is_shaky(int machine)
{
    return happens_to(machine, INCIDENT_LOST, 0) || happens_to(machine, INCIDENT_CUT, 0) ||
           happens_to(machine, INCIDENT_STALL, SHORT_STALL_MS);
}

/* ---- rules ---- */

static void all_have_left(void)
{
    for (int i = 0; i < world.size; i++)
        if (node_runs(world_node(i)))
            violated("rank %d has not left after %lld s", i, (long long)world_ms() / 1000);
}

static bool is_code_of_a_fact(int code)
{
    for (int i = 0; i < judge.n; i++)
        if (judge.facts[i].code == code)
            return true;
    return code == EXIT_LAUNCHER || code == EXIT_OK;
}

/* Rank 0 has passed the last gate and left, perhaps later, beside a keeper that hung; and before
 * the gate opened here a machine on its way was lost or stood still: this rank cannot know that all
 * went well. */
static bool may_have_missed_the_gate(const struct node *node, const struct node *root)
{
    return is_shaky(-1) && root->fate == FATE_LEFT && node->ended > root->gate_passed && node->code;
}

/* It waits for a collective behind a lost machine, and has not met the others yet. */
static bool is_still_opening(const struct node *node)
{
    return is_shaky(-1) && !node->holds_signals && node->code == EXIT_LAUNCHER;
}

/* A signal has ended it before it could tell anybody, perhaps before it had begun. */
static bool has_left_in_the_opening(const struct node *node)
{
    return node->fate == FATE_EXITED && !node->holds_signals;
}

/* Rank 0's, unless a signal has ended somebody in the opening: then mpirun ends the others, and
 * returns the first code that it gets. */
static int job_code(void)
{
    return judge.has_exited && world.job_code >= 0 ? world.job_code : world_node(0)->code;
}

/* Of a machine that is well. The job's code is for all as long as rank 0 is well. */
static void has_right_code(const struct node *node)
{
    const struct node *root = world_node(0);

    if (!is_shaky(0) && node->code != job_code() && !has_left_in_the_opening(node) &&
        !may_have_missed_the_gate(node, root) && !is_still_opening(node))
        violated("rank %d leaves with %d, the job with %d", node->index, node->code, job_code());
    if (!is_code_of_a_fact(node->code))
        violated("rank %d leaves with %d, which is the code of nothing that has happened",
                 node->index, node->code);
}

static void all_have_one_code(void)
{
    for (int i = 0; i < world.size; i++)
        if (!is_shaky(world_node(i)->machine))
            has_right_code(world_node(i));
    if (!judge.n && world_node(0)->code)
        violated("rank 0 leaves with %d, and nothing has happened", world_node(0)->code);
}

static const struct fact *fact_of_cause(void)
{
    for (int i = 0; i < judge.n; i++) {
        const struct fact *f = &judge.facts[i];

        if (f->how == judge.cause.how && f->code == judge.cause.code &&
            (f->attempt < 0 || f->attempt == judge.attempt) &&
            (f->machine == judge.cause.machine || judge.cause.machine < 0))
            return f;
    }
    return NULL;
}

/* An age lacks the time for which the message that carried it was under way and waited for its
 * reader's poll. */
static int64_t tolerance(void)
{
    enum { POLL_MS = 100, MOMENT_MS = 50, HOPS = 16 };

    return MOMENT_MS + 3 * POLL_MS + (int64_t)HOPS * 10 * world.schedule->latency_us / 1000;
}

/* Must the report know of it? Not where the keeper fell silent, perhaps before it had told. */
static bool must_be_known(const struct fact *f)
{
    return f->is_certain && f->attempt == judge.attempt && !is_shaky(-1) &&
           !happens_to(f->machine, INCIDENT_SILENT, 0) && !happens_to(f->machine, INCIDENT_DIE, 0);
}

static void cause_was_first(const struct fact *cause)
{
    for (int i = 0; i < judge.n; i++) {
        const struct fact *f = &judge.facts[i];

        if (must_be_known(f) && f->at + tolerance() < cause->at)
            violated("the report's cause (%d on machine %d) came %lld ms after another (%d on %d)",
                     (int)cause->how, cause->machine, (long long)(cause->at - f->at), (int)f->how,
                     f->machine);
    }
}

/* Has rank 0 heard anybody to the end? Else it cannot know that it is not the lost one. */
static bool root_was_alone(void)
{
    const struct node *root = world_node(0);

    for (int i = 1; i < world.schedule->machines; i++)
        if (!is_shaky(i) && world_node(i)->ended >= root->ended)
            return false;
    return true;
}

static void cause_has_happened(void)
{
    const struct fact *fact;

    if (judge.cause.how == HOW_LOST && (is_shaky(0) || root_was_alone()))
        return; /* it may be cut off itself, and of two machines nobody can know which is */
    if (judge.cause.how == HOW_LOST && !is_shaky(judge.cause.machine))
        violated("machine %d is well and the report says that it is lost", judge.cause.machine);
    fact = fact_of_cause();
    if (!fact)
        violated("the report's cause has not happened: %d on machine %d, code %d",
                 (int)judge.cause.how, judge.cause.machine, judge.cause.code);
    cause_was_first(fact);
}

static void nothing_is_hidden(void)
{
    for (int i = 0; i < judge.n; i++)
        if (must_be_known(&judge.facts[i]))
            violated("the report names no cause, but machine %d has failed",
                     judge.facts[i].machine);
}

static bool is_of_a_process(enum how how)
{
    return how == HOW_EXITED || how == HOW_SIGNALED || how == HOW_LEFT_EARLY ||
           how == HOW_START_TIMEOUT;
}

/* Where nobody may be silent or late, and the job was not told to end, all leave by the last gate,
 * and each attempt that may follow does. */
static void end_is_orderly(void)
{
    for (int i = 0; i < world.size; i++)
        if (world_node(i)->fate != FATE_LEFT)
            violated("rank %d does not leave through the last gate, and all machines are well", i);
    for (int i = 0; i < judge.n; i++)
        if (!is_of_a_process(judge.facts[i].how))
            return;
    if (judge.has_cause && judge.attempt < world.schedule->restarts)
        violated("attempt %d of %d was the last", judge.attempt + 1, world.schedule->restarts + 1);
}

static bool may_be_disorderly(void)
{
    static const enum incident_kind kinds[] = {INCIDENT_STUCK, INCIDENT_SILENT, INCIDENT_SCRIBE,
                                               INCIDENT_READER};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (happens_to(-1, kinds[i], 0))
            return true;
    return is_shaky(-1) || judge.has_exited;
}

static void report_is_true(void)
{
    const struct node *root = world_node(0);

    if (!judge.has_report || root->fate == FATE_LOST || root->was_ended)
        return;
    if (judge.exit_code != root->code && !is_shaky(0))
        violated("the report's code is %d, rank 0's %d", judge.exit_code, root->code);
    if (judge.has_cause)
        cause_has_happened();
    else if (!root->code)
        nothing_is_hidden();
}

static void messages_are_bounded(void)
{
    size_t bulk = BULK_LEAST + (size_t)BULK_MACHINE * (size_t)world.schedule->machines;

    for (int i = 0; i < world.size; i++) {
        const size_t *largest = world_node(i)->counts.largest;

        if (largest[0] > URGENT_MOST || largest[1] > bulk)
            violated("rank %d gets a message of %zu bytes", i,
                     largest[0] > URGENT_MOST ? largest[0] : largest[1]);
    }
}

/* ---- the result ---- */

static void raise(int64_t *most, int64_t n)
{
    *most = n > *most ? n : *most;
}

static void count(struct result *result)
{
    result->root = world_node(0)->counts;
    for (int i = 1; i < world.size; i++) {
        const struct counts *c = &world_node(i)->counts;

        raise(&result->most.sent, c->sent);
        raise(&result->most.received, c->received);
        raise(&result->most.bytes_received, c->bytes_received);
        raise(&result->most.turns, c->turns);
        raise(&result->most.memory_peak, c->memory_peak);
        result->most.peers = c->peers > result->most.peers ? c->peers : result->most.peers;
    }
    result->events = world.events;
    result->simulated_ms = world_ms();
    result->code = world_node(0)->code;
    result->how = judge.has_cause ? judge.cause.how : HOW_NONE;
    result->machine = judge.has_cause ? judge.cause.machine : -1;
    result->attempts = judge.attempt + 1;
}

void judge_end(void)
{
    count(judge.result);
    all_have_left();
    all_have_one_code();
    report_is_true();
    if (!may_be_disorderly())
        end_is_orderly();
    messages_are_bounded();
    judge.result->is_done = true;
}
