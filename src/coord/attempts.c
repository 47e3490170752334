/* attempts: reports of earlier attempts, owned. */
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
}

void attempts_free(struct attempts *attempts)
{
    for (int i = 0; i < attempts->n; i++)
        drop(&attempts->items[i]);
    free(attempts->items);
    *attempts = (struct attempts){0};
}
