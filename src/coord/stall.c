/* stall: see the header. */
#include "coord/stall.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coord/root_phases.h"
#include "coord/root_report.h"
#include "coord/root_state.h"
#include "report/state.h"

void root_still(struct root *root, int from, bool still)
{
    if (root->still[from] != still)
        root->n_still += still ? 1 : -1;
    root->still[from] = still;
    if (!still)
        root->stall_told = false;
}

/* How many trainers have ended well while others run; 0: none, or not for long enough. */
static int ended_alone(const struct root *root, int64_t now)
{
    int of, left;

    if (root->last_ended == 0 || now - root->last_ended < root->job->options.stall_timeout_ms)
        return 0;
    left = root_awaited(root, &of);
    return left ? of - left : 0;
}

bool root_stalls(struct root *root, int64_t now)
{
    if (root->job->options.stall_timeout_ms <= 0 || root->settle_from || root->stall_told)
        return false;
    return root->n_still == root->size || ended_alone(root, now) > 0;
}

static void add_reason(struct buf *text, const struct root *root, int64_t now)
{
    double seconds = (double)root->job->options.stall_timeout_ms / 1000;
    int ended = ended_alone(root, now);

    if (root->n_still == root->size || !ended)
        buf_addf(text, "no process has printed, computed or sent anything for %g s; ", seconds);
    else
        buf_addf(text, "%d trainer%s ended, the last of them more than %g s ago; ", ended,
                 ended == 1 ? " has" : "s have", seconds);
}

/* Takes the text over. */
static struct cause *make_cause(const struct process_outcome *odd, const struct outcome *where,
                                struct buf *text)
{
    struct cause *cause = mem_calloc(1, sizeof(*cause));

    *cause = (struct cause){.how = HOW_STALLED,
                            .machine = -1,
                            .role = ROLE_LAUNCHER,
                            .id = -1,
                            .code = EXIT_START_TIME,
                            .text = text->data};
    if (!odd)
        return cause;
    cause->machine = where->machine;
    cause->host = mem_strdup(where->host);
    cause->role = odd->role;
    cause->id = odd->id;
    cause->pid = odd->pid;
    cause->log = mem_strdup(odd->log);
    if (odd->now->line)
        strv_add(&cause->last_lines, odd->now->line);
    return cause;
}

struct cause *root_tell_stall(struct root *root, int64_t now)
{
    struct report report = root_live_report(root);
    const struct process_outcome *odd;
    const struct outcome *where = NULL;
    struct cause *cause = NULL;
    struct buf text = {0};

    root->stall_told = true;
    add_reason(&text, root, now);
    odd = report_odd_one(&text, &report, &where);
    buf_add(&text, "", 1);
    log_warning("the job stands still: %s", text.data);
    if (root->job->options.stall_action != STALL_REPORT)
        cause = make_cause(odd, where, &text);
    else
        buf_free(&text);
    free((void *)report.outcomes);
    return cause;
}
