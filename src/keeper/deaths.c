/* deaths: what the death of a descendant means. A trainer's own sampler is a failure of the job,
 * since DGL waits 1800 s for it; anything else that dies badly is a line in the report. Works from
 * TRAINERS to DRAIN; whatever dies later does so by our hand.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/deaths.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"
#include "keeper/hooked.h"
#include "keeper/link.h"
#include "keeper/pipes.h"
#include "report/signal.h"

enum {
    PARDON_MS = 5000,   /* for a trainer to collect a worker that it has ended itself */
    UNHOOKED_MS = 5000, /* for a Python to load the hook */
    PENDING_MOST = 64,
    KINDS_MOST = 10,
    SLOWEST_MS = 1000, /* between two looks, while samplers are watched */
    IDLE_MS = 5000     /* between two looks for the report's lines alone */
};

/* A sampler that died in a way that its trainer may have wanted. */
struct pending {
    struct watch_death death;
    int64_t died;
};

/* Deaths of one kind: one line. */
struct kind {
    struct watch_death first;
    int owner, count;
};

struct deaths {
    struct pending pending[PENDING_MOST];
    struct kind kinds[KINDS_MOST];
    int n_pending, n_kinds, n_more;
};

static bool is_time(const struct machine *m)
{
    return m->stage >= STAGE_TRAINERS && m->stage < STAGE_STOP;
}

static struct deaths *deaths(struct machine *m)
{
    if (!m->deaths)
        m->deaths = mem_calloc(1, sizeof(*m->deaths));
    return m->deaths;
}

/* ---- lines of the report ---- */

static bool same_kind(const struct kind *kind, const struct watch_death *death, int owner)
{
    return kind->owner == owner && kind->first.status == death->status &&
           strcmp(kind->first.name, death->name) == 0;
}

static void note(struct machine *m, const struct watch_death *death, int owner)
{
    struct deaths *d = deaths(m);

    for (int i = 0; i < d->n_kinds; i++) {
        if (same_kind(&d->kinds[i], death, owner)) {
            d->kinds[i].count++;
            return;
        }
    }
    if (d->n_kinds == KINDS_MOST)
        d->n_more++;
    else
        d->kinds[d->n_kinds++] = (struct kind){*death, owner, 1};
}

static void say_kind(struct machine *m, const struct kind *kind)
{
    const struct child *owner = kind->owner < 0 ? NULL : &m->children[kind->owner];
    struct buf line = {0};

    buf_addf(&line, "%s (pid %d) on %s",
             kind->first.name[0] == '\0' ? "a process" : kind->first.name, (int)kind->first.pid,
             m->host);
    if (owner)
        buf_addf(&line, ", started by %s %d,", role_name(owner->plan->role), owner->plan->id);
    buf_addf(&line, " ");
    evidence_add_end(&line, kind->first.status);
    if (kind->count > 1)
        buf_addf(&line, ", and %d more like it", kind->count - 1);
    link_warn(m, "%.*s", (int)line.len, line.data);
    buf_free(&line);
}

/* Skips a process whose shell has passed its exit code on, or that we have reported: the user
 * knows it. */
static bool is_told(const struct machine *m, const struct kind *kind)
{
    const struct child *owner = kind->owner < 0 ? NULL : &m->children[kind->owner];

    if (!kind->first.proper || !owner || owner->running)
        return false;
    return owner->status != 0 || kind->first.pid == owner->piped.pid;
}

void deaths_report(struct machine *m)
{
    struct deaths *d = m->deaths;

    if (!d)
        return;
    for (int i = 0; i < d->n_kinds; i++) {
        if (!is_told(m, &d->kinds[i]))
            say_kind(m, &d->kinds[i]);
    }
    if (d->n_more > 0)
        link_warn(m, "%d more descendants of the processes on %s ended badly", d->n_more, m->host);
    d->n_kinds = d->n_more = 0;
}

/* ---- which death is which ---- */

/* A signal that somebody sends on purpose, or that follows from another's end. */
static bool is_light(int signal)
{
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGPIPE;
}

static bool by_light_signal(int status)
{
    return WIFSIGNALED(status) && is_light(WTERMSIG(status));
}

/* May its trainer have ended it? A DGL process that gets TERM aborts in C++'s exit (134)
 * [measured]. */
static bool is_pardonable(int status)
{
    return !WIFSIGNALED(status) || by_light_signal(status) || WTERMSIG(status) == SIGABRT;
}

/* A sampler has no log of its own: it prints into its trainer's. */
static void fail(struct machine *m, const struct watch_death *death, int owner, int64_t died)
{
    char *text = mem_printf("trainer %d (pid %d), whose sampler it was, would have waited 1800 s "
                            "for it",
                            m->children[owner].plan->id, (int)death->parent);
    struct cause *cause =
        evidence_of_status(m, owner, death->pid, death->status, death->peak_kb, text);

    cause->role = ROLE_SAMPLER;
    cause->id = -1;
    failure_suspect(m, cause, died);
    free(text);
}

static bool is_uncollected(const struct watch_death *death)
{
    struct proc now;

    return proc_read(death->pid, &now) == 0 && now.start == death->start && now.zombie;
}

static void note_unless_light(struct machine *m, const struct watch_death *death, int owner)
{
    if (!by_light_signal(death->status))
        note(m, death, owner);
}

static void settle(struct machine *m, const struct pending *pending)
{
    const struct watch_death *death = &pending->death;
    int owner = state_child_of(m, death->top);

    if (owner >= 0 && m->children[owner].running && is_uncollected(death) &&
        proc_lives(death->parent, death->parent_start))
        fail(m, death, owner, pending->died);
    else
        note_unless_light(m, death, owner);
}

static void sampler_died(struct machine *m, const struct watch_death *death, int owner)
{
    struct deaths *d = deaths(m);

    if (!is_pardonable(death->status))
        fail(m, death, owner, clock_ms());
    else if (d->n_pending < PENDING_MOST)
        d->pending[d->n_pending++] = (struct pending){*death, clock_ms()};
    else
        note(m, death, owner);
}

static void judge(struct machine *m, const struct watch_death *death)
{
    int owner = state_child_of(m, death->top);

    if (death->pid == death->top && owner >= 0)
        return; /* of the plan: wait tells */
    if (death->status == WATCH_UNKNOWN || death->status == 0)
        return;
    if (death->piped && owner >= 0)
        pipes_ended(m, owner, death);
    if (death->sampler && m->slice->watch_samplers && owner >= 0 &&
        m->children[owner].plan->role == ROLE_TRAINER && m->children[owner].running)
        sampler_died(m, death, owner);
    else
        note_unless_light(m, death, owner);
}

/* ---- what the loop calls ---- */

int deaths_fd(const struct machine *m)
{
    return m->watch ? watch_fd(m->watch) : -1;
}

void deaths_pump(struct machine *m)
{
    struct watch_death death;

    while (m->watch && is_time(m) && watch_next_death(m->watch, &death))
        judge(m, &death);
}

void deaths_reaped(struct machine *m, pid_t pid, int status)
{
    if (m->watch)
        watch_reaped(m->watch, pid, status);
}

static void settle_due(struct machine *m, int64_t now)
{
    struct deaths *d = deaths(m);
    struct pending due;

    while (d->n_pending > 0 && now >= d->pending[0].died + PARDON_MS) {
        due = d->pending[0];
        d->n_pending--;
        memmove(d->pending, d->pending + 1, (size_t)d->n_pending * sizeof(due));
        settle(m, &due);
    }
}

static void look_for_hook(void *arg, pid_t top, pid_t pid)
{
    struct machine *m = arg;
    int owner = state_child_of(m, top);

    if (owner < 0)
        return;
    pipes_hear(m);
    hooked_look(m, owner, pid);
}

static void rest(struct machine *m)
{
    watch_close(m->watch);
    m->watch = NULL;
    deaths(m)->n_pending = 0;
}

static bool begin(struct machine *m)
{
    m->watch = watch_open();
    if (m->watch)
        watch_pools(m->watch, m->slice->ip, m->slice->port, m->n_servers, m->slice->watch_samplers);
    return m->watch;
}

void deaths_tick(struct machine *m, int64_t now)
{
    if (m->stage == STAGE_IDLE)
        return;
    if (!m->oom)
        m->oom = oom_open("");
    oom_tick(m->oom, now);
    if (!is_time(m)) {
        rest(m);
        return;
    }
    if (!m->watch && !begin(m))
        return;
    if (watch_tick(m->watch, now, m->slice->watch_samplers ? SLOWEST_MS : IDLE_MS)) {
        watch_each_python(m->watch, now, UNHOOKED_MS, look_for_hook, m);
        hooked_tick(m, now);
    }
    deaths_pump(m); /* deaths that no descriptor tells */
    settle_due(m, now);
}

int64_t deaths_deadline(const struct machine *m)
{
    int64_t look, pardon;

    if (!m->watch || !is_time(m))
        return CLOCK_NEVER;
    look = watch_next_look(m->watch);
    pardon = !m->deaths || m->deaths->n_pending == 0 ? CLOCK_NEVER
                                                     : m->deaths->pending[0].died + PARDON_MS;
    return look < pardon ? look : pardon;
}
