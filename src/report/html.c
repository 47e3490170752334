/* html: report.html, one page that refers to nothing outside and runs no script, so that it can be
 * opened years later, mailed and attached. All texts from outside go through text_html.
 */
#include "report/html.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "report/curves.h"
#include "report/hint.h"
#include "report/rows.h"
#include "report/sentence.h"
#include "report/signal.h"
#include "report/timeline.h"
#include "report/warnings.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<style>\n"
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--dim:#59636e;--line:#d5dae0;"
    "--band0:#eef2f6;--band1:#e3e9f0;--server:#3b76b8;--trainer:#2f8f5b;--stopped:#9aa3ad;"
    "--bad:#c4342b;--badbg:#fdf0ef;--cpu:#a35a00}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#dfe5eb;--dim:#98a3af;"
    "--line:#333b45;--band0:#1b2129;--band1:#222a34;--server:#6ba6e6;--trainer:#57bd86;"
    "--stopped:#66707b;--bad:#f2766d;--badbg:#2c1a1a;--cpu:#f0a64b}}\n"
    "body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;"
    "max-width:1100px;margin:2em auto;padding:0 1em}\n"
    "h1{font-size:1.5em;margin-bottom:.2em}h2{font-size:1.15em;margin-top:2em}\n"
    ".dim,.axis{color:var(--dim);fill:var(--dim)}.bad{color:var(--bad)}\n"
    "pre,code{font:13px/1.45 ui-monospace,monospace}"
    "pre{overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    ".cause{border-left:4px solid var(--bad);background:var(--badbg);padding:.6em 1em}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}\n"
    "th,td{padding:.25em .7em;border-bottom:1px solid var(--line);text-align:left;"
    "white-space:nowrap}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "tr.machine th{padding-top:1em;font-size:14px}\n"
    "svg{width:100%;font:11px system-ui,sans-serif}svg text{fill:var(--fg)}"
    "svg .axis{fill:var(--dim)}.none{display:none}\n"
    ".phase0{fill:var(--band0)}.phase1{fill:var(--band1)}.tick{stroke:var(--line)}\n"
    ".server{fill:var(--server)}.trainer{fill:var(--trainer)}.stopped{fill:var(--stopped)}"
    ".failed{fill:var(--bad)}.ready{stroke:var(--fg);stroke-width:2}\n"
    "polyline{fill:none;stroke-width:1.5}.memory{stroke:var(--server);stroke-width:2.5}"
    ".own{stroke:var(--server)}.shm{stroke:var(--dim);stroke-dasharray:4 3}"
    ".cpu{stroke:var(--cpu)}\n"
    ".key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 1em}\n"
    "</style>\n";

static void add_result(struct buf *out, const struct report *report)
{
    double seconds = (double)report->wall_ms / 1000;

    if (!report->complete && !report->cause)
        buf_addf(out, "<h1>The job runs, or nobody saw its end</h1>\n");
    else if (report->exit_code)
        buf_addf(out, "<h1 class=\"bad\">The job ended with exit code %d after %.1f s</h1>\n",
                 report->exit_code, seconds);
    else
        buf_addf(out, "<h1>The job ended well after %.1f s</h1>\n", seconds);
}

static void add_headline(struct buf *out, const struct report *report)
{
    buf_addf(out, "<title>dgl-mpilaunch: ");
    text_html(out, report->job_id);
    buf_addf(out, "</title>\n</head>\n<body>\n");
    add_result(out, report);
    buf_addf(out, "<p class=\"dim\">");
    text_html(out, report->job_id);
    buf_addf(out, ", started at ");
    text_html(out, report->started_at);
    buf_addf(out, ", %d machine%s, dgl-mpilaunch ", report->n_outcomes,
             text_plural((size_t)report->n_outcomes));
    text_html(out, report->version);
    buf_addf(out, "</p>\n<pre>");
    text_html(out, report->command);
    buf_addf(out, "</pre>\n");
    if (!report->complete)
        buf_addf(out, "<p>Not all machines have reported: the job still runs, the launcher was "
                      "killed, or a machine was lost.</p>\n");
}

/* Adds HOST:PATH. */
static void add_place(struct buf *out, const char *host, const char *log)
{
    if (!log)
        return;
    buf_addf(out, "<code>");
    text_html(out, host);
    buf_addf(out, ":");
    text_html(out, log);
    buf_addf(out, "</code>");
}

static void add_last_lines(struct buf *out, const struct cause *cause)
{
    if (cause->log || cause->last_lines.n) {
        buf_addf(out, "<p>Last lines of its output: ");
        add_place(out, cause->host, cause->log);
        buf_addf(out, "</p>\n");
    }
    if (!cause->last_lines.n)
        return;
    buf_addf(out, "<pre>");
    for (size_t i = 0; i < cause->last_lines.n; i++) {
        text_html(out, cause->last_lines.items[i]);
        buf_addf(out, "\n");
    }
    buf_addf(out, "</pre>\n");
}

/* Nothing without a cause. */
static void add_sentence(struct buf *out, const struct cause *cause)
{
    struct buf sentence = {0};

    if (cause)
        report_sentence(&sentence, cause);
    buf_add(&sentence, "", 1);
    text_html(out, sentence.data);
    buf_free(&sentence);
}

static void add_cause(struct buf *out, const struct cause *cause)
{
    const char *exception = report_exception(cause);
    const char *hint = report_hint(cause);

    buf_addf(out, "<h2>What failed first</h2>\n<div class=\"cause\">\n<p><strong>");
    add_sentence(out, cause);
    buf_addf(out, "</strong></p>\n");
    if (exception) {
        buf_addf(out, "<p><code>");
        text_html(out, exception);
        buf_addf(out, "</code></p>\n");
    }
    if (hint) {
        buf_addf(out, "<p>Hint: ");
        text_html(out, hint);
        buf_addf(out, "</p>\n");
    }
    add_last_lines(out, cause);
    buf_addf(out, "</div>\n");
}

/* Adds the causes of the attempts before the last one. */
static void add_earlier(struct buf *out, const struct report *report)
{
    if (!report->n_earlier)
        return;
    buf_addf(out, "<h2>Earlier attempts</h2>\n<ul>\n");
    for (int i = 0; i < report->n_earlier; i++) {
        const struct report *one = &report->earlier[i];

        buf_addf(out, "<li>attempt %d, from %.1f s on: ", one->attempt + 1,
                 (double)one->start_ms / 1000);
        add_sentence(out, one->cause);
        buf_addf(out, "</li>\n");
    }
    buf_addf(out, "</ul>\n");
}

static void add_warnings(struct buf *out, const struct report *report)
{
    size_t n, more;
    struct warned *first = report_first_warnings(report, &n, &more);

    for (size_t i = 0; i < n; i++) {
        buf_addf(out, i ? "<li>" : "<h2>Warnings</h2>\n<ul>\n<li>");
        text_html(out, first[i].outcome->host);
        buf_addf(out, ": ");
        text_html(out, first[i].warning->text);
        buf_addf(out, "</li>\n");
    }
    if (more)
        buf_addf(out, "<li class=\"dim\">and %zu more like these; report.json has all</li>\n",
                 more);
    if (n)
        buf_addf(out, "</ul>\n");
    free(first);
}

static void add_seconds_cell(struct buf *out, int64_t ms)
{
    if (ms < 0)
        buf_addf(out, "<td class=\"n\">–</td>");
    else
        buf_addf(out, "<td class=\"n\">%.3f</td>", (double)ms / 1000);
}

static void add_result_cell(struct buf *out, const struct process_outcome *process)
{
    if (process->signal)
        buf_addf(out, "<td%s>%s", process->stopped ? "" : " class=\"bad\"",
                 report_signal_name(process->signal));
    else if (process->exit_code >= 0)
        buf_addf(out, "<td%s>exit %d",
                 process->exit_code && !process->stopped ? " class=\"bad\"" : "",
                 process->exit_code);
    else
        buf_addf(out, "<td>–");
    buf_addf(out, process->stopped ? ", stopped</td>" : "</td>");
}

static void add_process(struct buf *out, const struct outcome *outcome,
                        const struct process_outcome *process)
{
    buf_addf(out, "<tr><td>%s %d</td><td class=\"n\">%d</td>", role_name(process->role),
             process->id, process->pid);
    add_seconds_cell(out, process->start_ms);
    add_seconds_cell(out, process->ready_ms);
    add_seconds_cell(out, process->end_ms);
    add_result_cell(out, process);
    if (process->max_rss_kb > 0)
        buf_addf(out, "<td class=\"n\">%.1f</td>", (double)process->max_rss_kb / 1024);
    else
        buf_addf(out, "<td class=\"n\">–</td>");
    add_seconds_cell(out, process->user_ms);
    add_seconds_cell(out, process->sys_ms);
    buf_addf(out, "<td>");
    add_place(out, outcome->host, process->log);
    buf_addf(out, "</td></tr>\n");
}

static void add_machine(struct buf *out, const struct outcome *outcome)
{
    buf_addf(out, "<tr class=\"machine\"><th colspan=\"10\" scope=\"rowgroup\">");
    text_html(out, outcome->host ? outcome->host : "?");
    buf_addf(out, " <span class=\"dim\">machine %d", outcome->machine);
    if (outcome->ip) {
        buf_addf(out, ", ");
        text_html(out, outcome->ip);
    }
    if (outcome->port > 0)
        buf_addf(out, ":%d", outcome->port);
    if (outcome->cpus > 0)
        buf_addf(out, ", %d CPU%s", outcome->cpus, text_plural((size_t)outcome->cpus));
    if (outcome->rank >= 0)
        buf_addf(out, ", rank %d</span></th></tr>\n", outcome->rank);
    else
        buf_addf(out, "</span> <span class=\"bad\">has not reported</span></th></tr>\n");
}

/* Says which part of a large job is shown. */
static void add_part(struct buf *out, const struct rows *rows)
{
    if (rows->processes < rows->all_processes)
        buf_addf(out,
                 "<p class=\"dim\">%d of %d processes are shown: what failed, the last to be "
                 "ready, the last to end, and the first. report.json has all.</p>\n",
                 rows->processes, rows->all_processes);
    if (rows->machines < rows->all_machines)
        buf_addf(out,
                 "<p class=\"dim\">%d of %d machines are shown. report.json has all.</p>\n",
                 rows->machines, rows->all_machines);
}

static void add_table(struct buf *out, const struct rows *rows)
{
    buf_addf(out, "<h2>Machines and processes</h2>\n");
    add_part(out, rows);
    buf_addf(out, "<div class=\"wide\"><table>\n<thead><tr>"
                  "<th>process</th><th class=\"n\">pid</th><th class=\"n\">started, s</th>"
                  "<th class=\"n\">ready, s</th><th class=\"n\">ended, s</th><th>result</th>"
                  "<th class=\"n\">peak memory, MiB</th><th class=\"n\">CPU user, s</th>"
                  "<th class=\"n\">CPU system, s</th><th>log</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->items[i];

        if (i == 0 || row->outcome != row[-1].outcome)
            add_machine(out, row->outcome);
        if (row->process)
            add_process(out, row->outcome, row->process);
    }
    buf_addf(out, "</tbody>\n</table></div>\n");
}

static void add_timeline(struct buf *out, const struct report *report, const struct rows *rows)
{
    buf_addf(out, "<h2>Timeline</h2>\n<p class=\"dim\">"
                  "<span class=\"key\" style=\"background:var(--server)\"></span>server"
                  "<span class=\"key\" style=\"background:var(--trainer)\"></span>trainer, sampler"
                  "<span class=\"key\" style=\"background:var(--bad)\"></span>failed"
                  "<span class=\"key\" style=\"background:var(--stopped)\"></span>stopped by "
                  "dgl-mpilaunch &nbsp; | ready</p>\n");
    add_part(out, rows);
    buf_addf(out, "<div class=\"wide\">\n");
    timeline_svg(out, report, rows);
    buf_addf(out, "</div>\n");
}

static void add_curves(struct buf *out, const struct report *report)
{
    int n = curves_count(report);

    if (n == 0)
        return;
    buf_addf(out,
             "<h2>Memory and CPU</h2>\n<p class=\"dim\">A strip is as high as all of a machine's: "
             "<span class=\"key\" style=\"background:var(--server)\"></span>memory in use (thick), "
             "of it the job's own (thin)"
             "<span class=\"key\" style=\"background:var(--cpu)\"></span>the job's CPU"
             "<span class=\"key\" style=\"background:var(--dim)\"></span>/dev/shm (dashed)</p>\n");
    if (n > CURVES_MOST)
        buf_addf(out,
                 "<p class=\"dim\">%d of %d machines are shown: those whose memory was fullest. "
                 "report.json has all.</p>\n",
                 CURVES_MOST, n);
    buf_addf(out, "<div class=\"wide\">\n");
    curves_svg(out, report);
    buf_addf(out, "</div>\n");
}

void report_html(struct buf *out, const struct report *report)
{
    struct rows rows;

    rows_choose(&rows, report);
    buf_add(out, head, strlen(head));
    add_headline(out, report);
    if (report->cause)
        add_cause(out, report->cause);
    add_earlier(out, report);
    add_warnings(out, report);
    add_timeline(out, report, &rows);
    add_curves(out, report);
    add_table(out, &rows);
    buf_addf(out, "</body>\n</html>\n");
    rows_free(&rows);
}
