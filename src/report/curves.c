/* curves: one strip a machine. Memory and CPU fill the strip when all of the machine's is used.
 */
#include "report/curves.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "report/timeline.h"

enum { STRIP = 44, GAP = 10 };

int curves_count(const struct report *report)
{
    int n = 0;

    for (int i = 0; i < report->n_outcomes; i++)
        n += report->outcomes[i].curve.n > 0 && report->outcomes[i].memory_kb > 0;
    return n;
}

/* ---- which machines ---- */

static int64_t peak(const struct curve *curve, int64_t (*value)(const struct moment *moment))
{
    int64_t most = 0;

    for (int i = 0; i < curve->n; i++)
        most = value(&curve->moments[i]) > most ? value(&curve->moments[i]) : most;
    return most;
}

static int64_t memory_of(const struct moment *moment)
{
    return moment->memory_kb;
}

static int64_t own_of(const struct moment *moment)
{
    return moment->private_kb;
}

static int64_t shm_of(const struct moment *moment)
{
    return moment->shm_kb;
}

static int64_t cpu_of(const struct moment *moment)
{
    return moment->cpu_permille;
}

static double fullness(const struct outcome *outcome)
{
    return (double)peak(&outcome->curve, memory_of) / (double)outcome->memory_kb;
}

static int fuller_first(const void *a, const void *b)
{
    double left = fullness(*(const struct outcome *const *)a);
    double right = fullness(*(const struct outcome *const *)b);

    return (left < right) - (left > right);
}

static int by_number(const void *a, const void *b)
{
    const struct outcome *left = *(const struct outcome *const *)a;
    const struct outcome *right = *(const struct outcome *const *)b;

    return (left > right) - (left < right); /* both are in the report's array */
}

/* The caller frees. */
static const struct outcome **choose(const struct report *report, int *n)
{
    const struct outcome **chosen = mem_calloc((size_t)report->n_outcomes + 1, sizeof(*chosen));

    *n = 0;
    for (int i = 0; i < report->n_outcomes; i++)
        if (report->outcomes[i].curve.n > 0 && report->outcomes[i].memory_kb > 0)
            chosen[(*n)++] = &report->outcomes[i];
    if (*n > CURVES_MOST) {
        qsort(chosen, (size_t)*n, sizeof(*chosen), fuller_first);
        *n = CURVES_MOST;
        qsort(chosen, (size_t)*n, sizeof(*chosen), by_number);
    }
    return chosen;
}

/* ---- strips ---- */

/* A line through all moments; `most` is the strip's whole height. */
static void add_line(struct buf *out, const char *class, const struct curve *curve, int64_t span,
                     int y, int64_t (*value)(const struct moment *moment), int64_t most)
{
    buf_addf(out, "<polyline class=\"%s\" points=\"", class);
    for (int i = 0; i < curve->n; i++) {
        const struct moment *moment = &curve->moments[i];
        double share = most > 0 ? (double)value(moment) / (double)most : 0;

        buf_addf(out, "%s%.1f,%.1f", i ? " " : "", timeline_place(moment->at_ms, span),
                 y + STRIP - (share < 1 ? share : 1) * STRIP);
    }
    buf_addf(out, "\"/>");
}

static void add_words(struct buf *out, const struct outcome *outcome)
{
    const struct curve *curve = &outcome->curve;

    buf_addf(out, "<title>");
    text_html(out, outcome->host);
    buf_addf(out,
             ": at most %.1f of %.1f GiB of memory, of it the job's own %.1f GiB; %.2f of %.2f GiB "
             "of /dev/shm; %.1f of %d cores</title>",
             text_gib(peak(curve, memory_of)), text_gib(outcome->memory_kb),
             text_gib(peak(curve, own_of)), text_gib(peak(curve, shm_of)),
             text_gib(outcome->shm_kb), (double)peak(curve, cpu_of) / 1000, outcome->cpus);
}

static void add_strip(struct buf *out, const struct outcome *outcome, int64_t span, int y)
{
    const struct curve *curve = &outcome->curve;

    buf_addf(out, "<g>");
    add_words(out, outcome);
    buf_addf(out, "<rect class=\"phase0\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
             TIMELINE_LABEL, y, TIMELINE_END - TIMELINE_LABEL, STRIP);
    buf_addf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", TIMELINE_LABEL - 8, y + 14);
    text_html(out, outcome->host);
    buf_addf(out,
             "</text><text class=\"axis\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%.1f of "
             "%.1f GiB</text>",
             TIMELINE_LABEL - 8, y + 28, text_gib(peak(curve, memory_of)),
             text_gib(outcome->memory_kb));
    add_line(out, "memory", curve, span, y, memory_of, outcome->memory_kb);
    add_line(out, "own", curve, span, y, own_of, outcome->memory_kb);
    add_line(out, "shm", curve, span, y, shm_of, outcome->shm_kb);
    add_line(out, "cpu", curve, span, y, cpu_of, (int64_t)outcome->cpus * 1000);
    buf_addf(out, "</g>\n");
}

void curves_svg(struct buf *out, const struct report *report)
{
    int64_t span = timeline_span(report);
    int n, y = GAP;
    const struct outcome **chosen = choose(report, &n);

    buf_addf(out,
             "<svg role=\"img\" aria-label=\"memory and CPU of the machines\" viewBox=\"0 0 %d "
             "%d\" style=\"min-width:640px\">\n",
             TIMELINE_WIDTH, n * (STRIP + GAP) + GAP);
    for (int i = 0; i < n; i++, y += STRIP + GAP)
        add_strip(out, chosen[i], span, y);
    buf_addf(out, "</svg>\n");
    free(chosen);
}
