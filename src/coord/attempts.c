/* attempts: reports of earlier attempts, owned. Of all machines one is kept, so that the report of
 * a large job that is started again and again does not grow by all of them each time.
 */
#include "coord/attempts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void drop(struct report *report)
{
    for (int i = 0; i < report->n_outcomes; i++)
        outcome_clear((struct outcome *)&report->outcomes[i]);
    free((void *)report->outcomes);
    free((void *)report->phases);
    cause_free((struct cause *)report->cause);
}

static void make_room(struct attempts *attempts)
{
    if (!attempts->items)
        attempts->items = mem_calloc(ATTEMPTS_KEPT, sizeof(*attempts->items));
    if (attempts->n < ATTEMPTS_KEPT)
        return;
    drop(&attempts->items[0]);
    attempts->n--;
    memmove(&attempts->items[0], &attempts->items[1],
            (size_t)attempts->n * sizeof(*attempts->items));
}

/* Keeps the outcome of the machine where the cause came about, and clears all others. */
static void keep_one(struct report *kept, const struct report *report)
{
    struct outcome *all = (struct outcome *)report->outcomes;
    struct outcome *one = mem_calloc(1, sizeof(*one));

    kept->outcomes = one;
    kept->n_outcomes = 0;
    for (int i = 0; i < report->n_outcomes; i++) {
        if (report->cause && all[i].machine == report->cause->machine && !kept->n_outcomes++)
            *one = all[i];
        else
            outcome_clear(&all[i]);
    }
    free(all);
}

void attempts_keep(struct attempts *attempts, const struct report *report)
{
    struct report *kept;
    struct phase *phases;

    make_room(attempts);
    kept = &attempts->items[attempts->n++];
    *kept = *report;
    phases = mem_calloc((size_t)report->n_phases, sizeof(*phases));
    memcpy(phases, report->phases, (size_t)report->n_phases * sizeof(*phases));
    kept->phases = phases;
    kept->cause = report->cause ? cause_copy(report->cause) : NULL;
    kept->earlier = NULL;
    kept->n_earlier = 0;
    keep_one(kept, report);
}

void attempts_free(struct attempts *attempts)
{
    for (int i = 0; i < attempts->n; i++)
        drop(&attempts->items[i]);
    free(attempts->items);
    *attempts = (struct attempts){0};
}
