/* summary: the layout of the closing lines. */
#include "report/summary.h"

#include <stdint.h>

#include "base/text.h"
#include "report/warnings.h"

enum { WARNINGS_MOST = 5 };

static int count_role(const struct report *report, enum role role)
{
    int n = 0;

    for (int i = 0; i < report->n_outcomes; i++)
        for (int k = 0; k < report->outcomes[i].n_processes; k++)
            n += report->outcomes[i].processes[k].role == role;
    return n;
}

static void add_count(struct buf *out, const char *before, int n, const char *what)
{
    if (n)
        buf_addf(out, "%s%d %s%s", before, n, what, text_plural((size_t)n));
}

static void add_headline(struct buf *out, const struct report *report)
{
    const char *result = report->exit_code ? "stopped" : "all ended well";

    buf_addf(out, "dgl-mpilaunch: ");
    add_count(out, "", report->n_outcomes, "machine");
    add_count(out, ", ", count_role(report, ROLE_SERVER), "server");
    add_count(out, ", ", count_role(report, ROLE_SAMPLER), "sampler");
    add_count(out, ", ", count_role(report, ROLE_TRAINER), "trainer");
    buf_addf(out, ": %s after %.1f s", result, (double)report->wall_ms / 1000);
    if (report->attempt)
        buf_addf(out, ", in attempt %d", report->attempt + 1);
    buf_add(out, "\n", 1);
}

void report_summary(struct buf *out, const struct report *report, const char *run_dir,
                    const char *launcher_log)
{
    add_headline(out, report);
    report_warnings(out, report, launcher_log ? WARNINGS_MOST : SIZE_MAX, launcher_log);
    if (run_dir) {
        buf_addf(out, "dgl-mpilaunch: report: ");
        text_harmless(out, run_dir, 4096);
        buf_addf(out, "/report.json\n");
    }
}
