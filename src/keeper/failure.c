/* failure: what counts as one, and which is the first. A process that ends badly while the job
 * runs, a signal from outside; who leaves with 0 before its time is leaving.c's. What we have
 * signalled ourselves is never a cause; trouble in DRAIN is a warning.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/machine.h"
#include "report/report.h"

/* Within this time of the first bad end a heavier one is taken for the cause (design: death by
 * signal before an exit code, a server before a trainer). */
#define JUDGE_MS 50

void failure_warn(struct machine *m, const char *format, ...)
{
    struct err err;
    va_list args;

    va_start(args, format);
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    strv_add(&m->warnings, err.text);
}

struct cause *failure_about(struct machine *m, int i, enum how how, int value, int code,
                            const char *text)
{
    struct cause *cause = mem_calloc(1, sizeof *cause);

    cause->how = how;
    cause->machine = m->slice == NULL ? -1 : m->slice->machine;
    cause->host = mem_strdup(m->host);
    cause->role = i < 0 ? ROLE_LAUNCHER : m->children[i].plan->role;
    cause->id = i < 0 ? -1 : m->children[i].plan->id;
    cause->pid = i < 0 ? (int)getpid() : m->children[i].pid;
    cause->value = value;
    cause->code = code;
    cause->text = mem_strdup(text);
    if (i >= 0 && m->output != NULL && m->children[i].stream >= 0) {
        cause->log = mem_strdup(output_log(m->output, m->children[i].stream));
        output_last_lines(m->output, m->children[i].stream, &cause->last_lines);
    }
    return cause;
}

static void raise_at(struct machine *m, struct cause *cause, int64_t since)
{
    if (m->cause != NULL) {
        cause_free(cause);
        return;
    }
    m->cause = cause;
    m->failed_at = since;
    link_send_cause(m, MESSAGE_FAILED, cause, since);
    machine_event(m, EVENT_FAIL);
}

/* What is found once everything is being stopped is our own doing. */
void failure_raise(struct machine *m, struct cause *cause)
{
    if (m->stage >= STAGE_STOP)
        cause_free(cause);
    else
        raise_at(m, cause, clock_ms());
}

void failure_told_to_stop(struct machine *m, int signal)
{
    failure_raise(m,
                  failure_about(m, -1, HOW_TOLD_TO_STOP, signal, EXIT_SIGNAL_BASE + signal, NULL));
}

static bool ended_badly(const struct child *child)
{
    return !WIFEXITED(child->status) || WEXITSTATUS(child->status) != 0;
}

/* Ended together, which came first is not known: a signal before an exit code, a server before a
 * trainer. */
static int weight(const struct machine *m, int i)
{
    return (WIFSIGNALED(m->children[i].status) ? 2 : 0) +
           (machine_is_server(&m->children[i]) ? 1 : 0);
}

/* A shell passes a signal on as an exit code, and its usage holds its children's. */
static struct cause *cause_of_end(struct machine *m, int i)
{
    const struct child *child = &m->children[i];
    bool killed = WIFSIGNALED(child->status);
    int value = killed ? WTERMSIG(child->status) : WEXITSTATUS(child->status);
    int code = killed ? EXIT_SIGNAL_BASE + value : value;
    char *text = deaths_explain(m, code - EXIT_SIGNAL_BASE, child->pid, child->usage.ru_maxrss);
    struct cause *cause =
        failure_about(m, i, killed ? HOW_SIGNALED : HOW_EXITED, value, code, text);

    cause->exception = deaths_exception(m, i);
    free(text);
    return cause;
}

static void suspect(struct machine *m, int i)
{
    if (m->suspect < 0 && m->held == NULL)
        m->judge_ends = m->children[i].end + JUDGE_MS;
    if (m->suspect < 0 || weight(m, i) > weight(m, m->suspect))
        m->suspect = i;
}

/* A sampler weighs as a trainer does, and goes before it. */
void failure_suspect(struct machine *m, struct cause *cause, int64_t since)
{
    if (m->stage >= STAGE_STOP || m->held != NULL) {
        cause_free(cause);
        return;
    }
    if (m->suspect < 0)
        m->judge_ends = since + JUDGE_MS;
    m->held = cause;
    m->held_since = since;
}

static bool held_wins(const struct machine *m)
{
    return m->held != NULL &&
           (m->suspect < 0 || (m->held->how == HOW_SIGNALED ? 2 : 0) >= weight(m, m->suspect));
}

void failure_decide(struct machine *m)
{
    bool held = held_wins(m);
    struct cause *cause = m->held;
    int i = m->suspect;

    m->suspect = -1;
    m->held = NULL;
    m->judge_ends = CLOCK_NEVER;
    if (held) {
        raise_at(m, cause, m->held_since);
        return;
    }
    cause_free(cause);
    if (i >= 0)
        raise_at(m, cause_of_end(m, i), m->children[i].end);
}

static void warn_end(struct machine *m, int i)
{
    const struct child *child = &m->children[i];

    if (WIFSIGNALED(child->status))
        failure_warn(m, "%s %d (pid %d) on %s was ended by %s after all trainers had ended well",
                     role_name(child->plan->role), child->plan->id, child->pid, m->host,
                     report_signal_name(WTERMSIG(child->status)));
    else
        failure_warn(m, "%s %d (pid %d) on %s exited with %d after all trainers had ended well",
                     role_name(child->plan->role), child->plan->id, child->pid, m->host,
                     WEXITSTATUS(child->status));
}

void failure_judge(struct machine *m, const int *ended, int n)
{
    for (int k = 0; k < n; k++) {
        int i = ended[k];

        if (m->children[i].stopped || !ended_badly(&m->children[i]))
            continue;
        if (m->drained)
            warn_end(m, i);
        else
            suspect(m, i);
    }
    if (m->stage < STAGE_STOP)
        leaving_judge(m, ended, n);
}
