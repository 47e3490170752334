/* timeline: one bar a process over the time of the job, the phases as a band on top. Computes
 * coordinates only; the page that holds it owns the colours.
 */
#include "report/timeline.h"

#include "base/text.h"

enum {
    LABEL_WIDTH = TIMELINE_LABEL,
    PLOT_WIDTH = TIMELINE_END - TIMELINE_LABEL,
    PLOT_END = TIMELINE_END,
    HEAD_HEIGHT = 44,
    ROW_HEIGHT = 18,
    TICKS_MOST = 8,
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t timeline_span(const struct report *report)
{
    int64_t span = later(report->wall_ms, 1);

    for (int i = 0; i < report->n_phases; i++)
        span = later(span, report->phases[i].end_ms);
    for (int i = 0; i < report->n_outcomes; i++)
        for (int k = 0; k < report->outcomes[i].n_processes; k++)
            span = later(span, report->outcomes[i].processes[k].end_ms);
    return span;
}

double timeline_place(int64_t ms, int64_t span)
{
    return LABEL_WIDTH + (double)ms * PLOT_WIDTH / (double)span;
}

/* Of 1, 2 or 5 times a power of ten the smallest with at most TICKS_MOST in the span. */
static int64_t tick_step(int64_t span)
{
    static const int factors[] = {1, 2, 5};

    for (int64_t power = 1;; power *= 10)
        for (int i = 0; i < 3; i++)
            if (span / (power * factors[i]) <= TICKS_MOST)
                return power * factors[i];
}

static void add_ticks(struct buf *out, int64_t span, int height)
{
    int64_t step = tick_step(span);

    for (int64_t ms = 0; ms <= span; ms += step) {
        double x = timeline_place(ms, span);

        buf_addf(out, "<line class=\"tick\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x,
                 HEAD_HEIGHT - 4, x, height);
        buf_addf(out,
                 "<text class=\"axis\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.10g s</text>\n",
                 x, HEAD_HEIGHT - 8, (double)ms / 1000);
    }
}

static void add_phases(struct buf *out, const struct report *report, int64_t span, int height)
{
    int shown = 0; /* alternates the bands' colours, also where a phase never came */

    for (int i = 0; i < report->n_phases; i++) {
        const struct phase *phase = &report->phases[i];
        double from = timeline_place(phase->start_ms, span);
        double to = timeline_place(phase->end_ms < 0 ? span : phase->end_ms, span);

        if (phase->start_ms < 0 || to < from)
            continue;
        buf_addf(out,
                 "<g><rect class=\"phase%d\" x=\"%.1f\" y=\"4\" width=\"%.1f\" height=\"%d\"/>",
                 shown++ % 2, from, to - from, height - 4);
        if (to - from >= 48) /* enough for the words */
            buf_addf(out, "<text class=\"axis\" x=\"%.1f\" y=\"17\">", from + 4);
        else
            buf_addf(out, "<text class=\"none\">");
        text_html(out, phase->name);
        buf_addf(out, "</text><title>");
        text_html(out, phase->name);
        buf_addf(out, ", from %.3f s, %.3f s long</title></g>\n", (double)phase->start_ms / 1000,
                 (to - from) * (double)span / PLOT_WIDTH / 1000);
    }
}

static const char *bar_class(const struct process_outcome *process)
{
    if (process->stopped)
        return "stopped";
    if (rows_is_failed(process))
        return "failed";
    return process->role == ROLE_SERVER ? "server" : "trainer";
}

static void add_bar(struct buf *out, const struct process_outcome *process, int64_t span, int y)
{
    double from = timeline_place(process->start_ms, span);
    double to = timeline_place(process->end_ms < 0 ? span : process->end_ms, span);
    double ready = timeline_place(process->ready_ms, span);

    if (process->start_ms < 0)
        return;
    if (to < from + 1)
        to = from + 1; /* so that it is seen */
    buf_addf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>",
             bar_class(process), from, y + 3, to - from, ROW_HEIGHT - 6);
    if (process->ready_ms >= 0)
        buf_addf(out, "<line class=\"ready\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", ready,
                 y + 1, ready, y + ROW_HEIGHT - 1);
}

static void add_row(struct buf *out, const struct outcome *outcome,
                    const struct process_outcome *process, int64_t span, int y)
{
    buf_addf(out, "<g><text x=\"%d\" y=\"%d\" text-anchor=\"end\">", LABEL_WIDTH - 8,
             y + ROW_HEIGHT - 5);
    text_html(out, outcome->host);
    buf_addf(out, " %s %d</text>", role_name(process->role), process->id);
    add_bar(out, process, span, y);
    buf_addf(out, "<title>");
    text_html(out, outcome->host);
    buf_addf(out, " %s %d</title></g>\n", role_name(process->role), process->id);
}

void timeline_svg(struct buf *out, const struct report *report, const struct rows *rows)
{
    int64_t span = timeline_span(report);
    int height = HEAD_HEIGHT + rows->processes * ROW_HEIGHT + 4;
    int y = HEAD_HEIGHT;

    buf_addf(out,
             "<svg role=\"img\" aria-label=\"when each process ran\" viewBox=\"0 0 %d %d\" "
             "style=\"min-width:640px\">\n",
             PLOT_END + 30, height);
    add_phases(out, report, span, height);
    add_ticks(out, span, height);
    for (size_t i = 0; i < rows->n; i++) {
        if (!rows->items[i].process)
            continue;
        add_row(out, rows->items[i].outcome, rows->items[i].process, span, y);
        y += ROW_HEIGHT;
    }
    buf_addf(out, "</svg>\n");
}
