/* warnings: sorts them by age, so that a cause stands before its consequences. */
#include "report/warnings.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

enum { LINE_MOST = 400 }; /* bytes */

/* Older ones first; of the same age the lower machine's; a machine's own in their order. */
static int compare(const void *a, const void *b)
{
    const struct warned *x = a, *y = b;

    if (x->warning->age_ms != y->warning->age_ms)
        return x->warning->age_ms > y->warning->age_ms ? -1 : 1;
    if (x->outcome != y->outcome)
        return x->outcome < y->outcome ? -1 : 1;
    return (x->warning > y->warning) - (x->warning < y->warning);
}

struct warned *report_all_warnings(const struct report *report, size_t *n)
{
    struct warned *all;
    size_t total = 0;

    for (int i = 0; i < report->n_outcomes; i++)
        total += report->outcomes[i].warnings.n;
    all = mem_calloc(total + 1, sizeof(*all));
    *n = 0;
    for (int i = 0; i < report->n_outcomes; i++) {
        const struct outcome *outcome = &report->outcomes[i];

        for (size_t k = 0; k < outcome->warnings.n; k++)
            all[(*n)++] = (struct warned){outcome, &outcome->warnings.items[k]};
    }
    qsort(all, *n, sizeof(*all), compare);
    return all;
}

void report_warnings(struct buf *out, const struct report *report, size_t most, const char *rest)
{
    size_t n, said;
    struct warned *all = report_all_warnings(report, &n);

    if (n > most && most)
        most--; /* a line for the count of the rest */
    for (said = 0; said < n && said < most; said++) {
        buf_addf(out, "dgl-mpilaunch: warning: ");
        text_harmless(out, all[said].outcome->host ? all[said].outcome->host : "?", LINE_MOST);
        buf_addf(out, ": ");
        text_harmless_ends(out, all[said].warning->text, LINE_MOST);
        buf_add(out, "\n", 1);
    }
    free(all);
    if (said == n)
        return;
    buf_addf(out, "dgl-mpilaunch: and %zu more warnings, in '", n - said);
    text_harmless(out, rest, 4096);
    buf_addf(out, "'\n");
}
