/* state: see the header. */
#include "report/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

enum { NAMED_MOST = 8, LINE_MOST = 80 };

struct entry {
    const struct outcome *outcome;
    const struct process_outcome *process;
    char *does;
};

struct entries {
    struct entry *items;
    size_t n;
};

/* ---- what one does ---- */

static const char *state_word(char state)
{
    switch (state) {
    case 'R': return "running";
    case 'S': return "asleep";
    case 'D': return "in an uninterruptible wait";
    case 'T': return "stopped by a signal";
    case 't': return "stopped by a debugger";
    case 'Z': return "dead, not yet collected";
    case '\0': return "gone";
    default: return "in another state";
    }
}

/* Adds the job's server that listens there; nothing where it is another's port, of which each
 * process may have its own. */
static void add_server(struct buf *text, const struct report *report, const char *peer)
{
    const char *colon = strrchr(peer, ':');
    int port = colon ? (int)strtol(colon + 1, NULL, 10) : 0;

    for (int i = 0; colon && i < report->n_outcomes; i++) {
        const struct outcome *o = &report->outcomes[i];
        size_t len = o->ip ? strlen(o->ip) : 0;

        if (!len || (size_t)(colon - peer) != len || strncmp(peer, o->ip, len) != 0)
            continue;
        for (int k = 0; k < o->n_processes; k++) {
            if (o->processes[k].role != ROLE_SERVER || o->port + k != port)
                continue;
            buf_addf(text, " with server %d on %s", o->processes[k].id, o->host);
            return;
        }
    }
}

static char *what_it_does(const struct report *report, const struct process_now *now)
{
    struct buf text = {0};

    buf_addf(&text, "%s", state_word(now->state[0]));
    if (now->call && now->state[0] != 'T') {
        buf_addf(&text, " in ");
        text_harmless(&text, now->call, LINE_MOST);
    }
    if (now->peer && now->state[0] != 'T')
        add_server(&text, report, now->peer);
    if (now->below) {
        buf_addf(&text, ", and below it ");
        text_harmless(&text, now->below, LINE_MOST);
    }
    buf_add(&text, "", 1);
    return text.data;
}

static struct entries all_entries(const struct report *report)
{
    struct entries all = {0};
    size_t most = 0;

    for (int i = 0; i < report->n_outcomes; i++)
        most += (size_t)report->outcomes[i].n_processes;
    all.items = mem_calloc(most + 1, sizeof(*all.items));
    for (int i = 0; i < report->n_outcomes; i++) {
        const struct outcome *outcome = &report->outcomes[i];

        for (int k = 0; k < outcome->n_processes; k++) {
            const struct process_outcome *process = &outcome->processes[k];

            if (process->now)
                all.items[all.n++] =
                    (struct entry){outcome, process, what_it_does(report, process->now)};
        }
    }
    return all;
}

static void free_entries(struct entries *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->items[i].does);
    free(all->items);
}

/* ---- together ---- */

static int by_what_they_do(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = (int)left->process->role - (int)right->process->role;

    if (!order)
        order = strcmp(left->does, right->does);
    return order ? order : left->process->id - right->process->id;
}

static bool do_the_same(const struct entry *a, const struct entry *b)
{
    return a->process->role == b->process->role && !strcmp(a->does, b->does);
}

/* "0-6, 9": of entries in the order of their ids. */
static void add_ids(struct buf *out, const struct entry *entries, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;

        while (end < n && entries[end].process->id == entries[end - 1].process->id + 1)
            end++;
        buf_addf(out, "%s%d", i ? ", " : "", entries[i].process->id);
        if (end > i + 1)
            buf_addf(out, "-%d", entries[end - 1].process->id);
        i = end;
    }
}

/* At most so many lines; the largest job on a console fits a few screens. */
static void add_groups(struct buf *out, const struct entries *all, int most)
{
    struct entry *sorted = mem_calloc(all->n + 1, sizeof(*sorted));

    memcpy(sorted, all->items, all->n * sizeof(*sorted));
    qsort(sorted, all->n, sizeof(*sorted), by_what_they_do);
    for (size_t i = 0; i < all->n && most-- > 0;) {
        size_t n = 1;

        while (i + n < all->n && do_the_same(&sorted[i], &sorted[i + n]))
            n++;
        buf_addf(out, "  %s%s ", role_name(sorted[i].process->role), text_plural(n));
        add_ids(out, &sorted[i], n);
        if (n == 1)
            buf_addf(out, " on %s", sorted[i].outcome->host);
        buf_addf(out, ": %s\n", sorted[i].does);
        i += n;
        if (most == 0 && i < all->n)
            buf_addf(out, "  and %zu more that do something else\n", all->n - i);
    }
    free(sorted);
}

static void add_silent(struct buf *out, const struct report *report)
{
    int n = 0;

    for (int i = 0; i < report->n_outcomes; i++) {
        const struct outcome *outcome = &report->outcomes[i];

        if (!outcome->silent)
            continue;
        if (++n <= NAMED_MOST)
            buf_addf(out, "%s%s", n > 1 ? ", " : "  no answer from ", outcome->host);
    }
    if (n > NAMED_MOST)
        buf_addf(out, " and %d more machines", n - NAMED_MOST);
    if (n)
        buf_addf(out, "\n");
}

/* ---- one by one ---- */

static void add_machine(struct buf *out, const struct outcome *outcome)
{
    const struct moment *last =
        outcome->curve.n ? &outcome->curve.moments[outcome->curve.n - 1] : NULL;

    buf_addf(out, "%s", outcome->host);
    if (last)
        buf_addf(out,
                 ": %.2f cores; memory %.1f of %.1f GiB, of it the job's own %.1f; /dev/shm "
                 "%.2f of %.2f GiB",
                 (double)last->cpu_permille / 1000, text_gib(last->memory_kb),
                 text_gib(outcome->memory_kb), text_gib(last->private_kb), text_gib(last->shm_kb),
                 text_gib(outcome->shm_kb));
    buf_addf(out, "\n");
}

static void add_process(struct buf *out, const struct entry *entry)
{
    const struct process_now *now = entry->process->now;

    buf_addf(out, "  %-7s %3d  pid %7d  %5.2f cores  %6.2f GiB  %3d threads  %s",
             role_name(entry->process->role), entry->process->id, entry->process->pid,
             (double)now->cpu_permille / 1000, text_gib(now->used.private_kb), now->used.threads,
             entry->does);
    if (now->peer) {
        buf_addf(out, " (");
        text_harmless(out, now->peer, LINE_MOST);
        buf_addf(out, ")");
    }
    buf_addf(out, "; %lld s ago: ", (long long)now->silent_ms / 1000);
    if (now->line)
        text_harmless(out, now->line, LINE_MOST);
    else
        buf_addf(out, "nothing printed");
    buf_addf(out, "\n");
}

static void add_details(struct buf *out, const struct entries *all, int most)
{
    for (size_t i = 0; i < all->n && i < (size_t)most; i++) {
        if (i == 0 || all->items[i].outcome != all->items[i - 1].outcome)
            add_machine(out, all->items[i].outcome);
        add_process(out, &all->items[i]);
    }
    if (all->n > (size_t)most)
        buf_addf(out, "and %zu more processes; state.txt in the run folder has all\n",
                 all->n - (size_t)most);
}

static void add_headline(struct buf *out, const struct report *report)
{
    int64_t now = report->wall_ms - report->start_ms;

    buf_addf(out, "dgl-mpilaunch: %s, %.1f s after its start", report->job_id,
             (double)report->wall_ms / 1000);
    for (int i = 0; i < report->n_phases; i++) {
        const struct phase *phase = &report->phases[i];

        if (phase->start_ms >= 0 && phase->end_ms < 0)
            buf_addf(out, ": %s for %.1f s", phase->name, (double)(now - phase->start_ms) / 1000);
    }
    if (report->attempt)
        buf_addf(out, ", attempt %d", report->attempt + 1);
    buf_addf(out, "\n");
}

void report_state(struct buf *out, const struct report *report, int most)
{
    struct entries all = all_entries(report);

    add_headline(out, report);
    add_groups(out, &all, most);
    add_silent(out, report);
    add_details(out, &all, most);
    free_entries(&all);
}

/* ---- the odd one out ---- */

static bool is_odd(const struct entry *entry)
{
    return entry->process->now->state[0] == 'T' || entry->process->now->below;
}

/* The one of that role that does what no other does; NULL: none, or several are alone. Of two
 * processes neither is the odd one. Sorted by what they do. */
static const struct entry *only_one(const struct entry *sorted, size_t n, enum role role)
{
    const struct entry *found = NULL;
    size_t of_role = 0, alone = 0;

    for (size_t i = 0; i < n; i++) {
        bool like_last = i > 0 && do_the_same(&sorted[i - 1], &sorted[i]);
        bool like_next = i + 1 < n && do_the_same(&sorted[i], &sorted[i + 1]);

        if (sorted[i].process->role != role)
            continue;
        of_role++;
        if (like_last || like_next)
            continue;
        alone++;
        found = &sorted[i];
    }
    return alone == 1 && of_role != 2 ? found : NULL;
}

static const struct entry *odd_of(const struct entry *sorted, size_t n)
{
    static const enum role roles[] = {ROLE_TRAINER, ROLE_SAMPLER, ROLE_SERVER};
    const struct entry *found = NULL;

    for (size_t i = 0; i < n; i++)
        if (is_odd(&sorted[i]))
            return &sorted[i];
    for (int i = 0; i < 3 && !found; i++)
        found = only_one(sorted, n, roles[i]);
    return found;
}

static bool add_odd_machine(struct buf *out, const struct report *report)
{
    for (int i = 0; i < report->n_outcomes; i++) {
        const struct outcome *outcome = &report->outcomes[i];

        if (!outcome->silent)
            continue;
        buf_addf(out, "%s does not answer", outcome->host);
        return true;
    }
    return false;
}

const struct process_outcome *report_odd_one(struct buf *out, const struct report *report,
                                             const struct outcome **where)
{
    struct entries all = all_entries(report);
    const struct process_outcome *found = NULL;
    const struct entry *odd;

    qsort(all.items, all.n, sizeof(*all.items), by_what_they_do);
    odd = odd_of(all.items, all.n);
    if (odd && (is_odd(odd) || !add_odd_machine(out, report))) {
        found = odd->process;
        *where = odd->outcome;
        buf_addf(out, "%s %d on %s (pid %d) is %s", role_name(found->role), found->id,
                 odd->outcome->host, found->pid, odd->does);
    } else if (!odd && !add_odd_machine(out, report)) {
        buf_addf(out, "no process differs from the others of its role");
    }
    free_entries(&all);
    return found;
}
