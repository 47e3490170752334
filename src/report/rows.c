/* rows: marks the processes that are to be shown, most important first, until no row is left. */
#include "report/rows.h"

#include <stdlib.h>

#include "base/mem.h"

/* One for each process of the report, in its order. */
struct mark {
    int64_t time; /* by which the last ones are looked for */
    const struct process_outcome *process;
    bool is_shown;
};

struct marks {
    struct mark *items;
    int n, left; /* left: rows that are free */
};

bool rows_is_failed(const struct process_outcome *process)
{
    return !process->stopped && (process->signal || process->exit_code > 0);
}

static void show(struct marks *marks, int i)
{
    if (marks->items[i].is_shown || !marks->left)
        return;
    marks->items[i].is_shown = true;
    marks->left--;
}

static void show_cause(struct marks *marks, const struct cause *cause)
{
    for (int i = 0; cause && i < marks->n; i++)
        if (marks->items[i].process->role == cause->role &&
            marks->items[i].process->id == cause->id)
            show(marks, i);
}

static void show_failed(struct marks *marks, int most)
{
    int keep = marks->left - most;

    for (int i = 0; i < marks->n && marks->left > keep; i++)
        if (rows_is_failed(marks->items[i].process))
            show(marks, i);
}

static int later_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x < y) - (x > y);
}

/* Shows those whose time is among the `most` latest. */
static void show_last(struct marks *marks, int most)
{
    int64_t *times = mem_calloc((size_t)marks->n, sizeof(*times));
    int64_t least;

    for (int i = 0; i < marks->n; i++)
        times[i] = marks->items[i].time;
    qsort(times, (size_t)marks->n, sizeof(*times), later_first);
    least = times[most - 1] > 0 ? times[most - 1] : 0;
    free(times);
    for (int i = 0; i < marks->n; i++)
        if (marks->items[i].time > least) {
            show(marks, i);
            most--;
        }
    for (int i = 0; i < marks->n && most > 0; i++)
        if (marks->items[i].time == least) {
            show(marks, i);
            most--;
        }
}

static void choose(struct marks *marks, const struct report *report)
{
    show_cause(marks, report->cause);
    show_failed(marks, ROWS_MOST / 2);
    for (int i = 0; i < marks->n; i++)
        marks->items[i].time = marks->items[i].process->ready_ms;
    show_last(marks, ROWS_MOST / 8);
    for (int i = 0; i < marks->n; i++)
        marks->items[i].time = marks->items[i].process->end_ms;
    show_last(marks, ROWS_MOST / 8);
    for (int i = 0; i < marks->n && marks->left; i++)
        show(marks, i);
}

static void collect(struct marks *marks, const struct report *report)
{
    for (int i = 0; i < report->n_outcomes; i++)
        marks->n += report->outcomes[i].n_processes;
    marks->items = mem_calloc((size_t)marks->n, sizeof(*marks->items));
    marks->n = 0;
    for (int i = 0; i < report->n_outcomes; i++)
        for (int k = 0; k < report->outcomes[i].n_processes; k++)
            marks->items[marks->n++].process = &report->outcomes[i].processes[k];
}

static void add(struct rows *rows, const struct outcome *outcome,
                const struct process_outcome *process)
{
    if (!rows->n || rows->items[rows->n - 1].outcome != outcome)
        rows->machines++;
    rows->processes += process != NULL;
    rows->items[rows->n++] = (struct row){outcome, process};
}

void rows_choose(struct rows *rows, const struct report *report)
{
    struct marks marks = {.left = ROWS_MOST};
    const struct mark *mark;
    int bare = 0; /* machines without processes */

    collect(&marks, report);
    if (marks.n > ROWS_MOST)
        choose(&marks, report);
    *rows = (struct rows){.all_machines = report->n_outcomes, .all_processes = marks.n};
    rows->items = mem_calloc((size_t)2 * ROWS_MOST, sizeof(*rows->items));
    mark = marks.items;
    for (int i = 0; i < report->n_outcomes; i++) {
        const struct outcome *outcome = &report->outcomes[i];

        if (!outcome->n_processes && bare++ < ROWS_MOST)
            add(rows, outcome, NULL);
        for (int k = 0; k < outcome->n_processes; k++, mark++)
            if (mark->is_shown || marks.n <= ROWS_MOST)
                add(rows, outcome, mark->process);
    }
    free(marks.items);
}

void rows_free(struct rows *rows)
{
    free(rows->items);
    *rows = (struct rows){0};
}
