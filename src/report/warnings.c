/* warnings: sorts them by age, so that a cause stands before its consequences. */
#include "report/warnings.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "report/kinds.h"

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

struct warned *report_first_warnings(const struct report *report, size_t *n, size_t *more)
{
    struct kinds kinds = {0};
    size_t total;
    struct warned *all = report_all_warnings(report, &total);

    *n = 0;
    for (size_t i = 0; i < total; i++) {
        int kind = kinds_add(&kinds, all[i].warning->text, all[i].outcome->host);

        if (total <= WARNINGS_ALL || kinds.n[kind] <= KINDS_SAID)
            all[(*n)++] = all[i];
    }
    *more = total - *n;
    return all;
}

static void add_line(struct buf *out, const struct warned *warned)
{
    buf_addf(out, "dgl-mpilaunch: warning: ");
    text_harmless(out, warned->outcome->host ? warned->outcome->host : "?", LINE_MOST);
    buf_addf(out, ": ");
    text_harmless_ends(out, warned->warning->text, LINE_MOST);
    buf_add(out, "\n", 1);
}

void report_warnings(struct buf *out, const struct report *report, size_t most, const char *rest)
{
    size_t n, more, said;
    struct warned *first = report_first_warnings(report, &n, &more);

    if (n + (more > 0) > most && most)
        most--; /* a line for the count of the rest */
    for (said = 0; said < n && said < most; said++)
        add_line(out, &first[said]);
    free(first);
    more += n - said;
    if (!more)
        return;
    buf_addf(out, "dgl-mpilaunch: and %zu more warning%s", more, text_plural(more));
    buf_addf(out, rest ? ", in '" : " like these");
    text_harmless(out, rest, 4096);
    buf_addf(out, rest ? "'\n" : "\n");
}

void report_each_warning(struct buf *out, const struct report *report)
{
    size_t n;
    struct warned *all = report_all_warnings(report, &n);

    for (size_t i = 0; i < n; i++)
        add_line(out, &all[i]);
    free(all);
}
