/* block: the layout of the lines about the cause; sentence and hint have the words. */
#include "report/block.h"

#include <string.h>

#include "base/text.h"
#include "report/hint.h"
#include "report/sentence.h"

enum { LINE_MOST = 400 }; /* bytes: a progress bar can be one line of megabytes */

static void add_place(struct buf *out, const struct cause *cause)
{
    if (cause->host) {
        text_harmless(out, cause->host, LINE_MOST);
        buf_add(out, ":", 1);
    }
    text_harmless(out, cause->log, 4096);
}

static void add_last_lines(struct buf *out, const struct cause *cause)
{
    const struct strv *lines = &cause->last_lines;

    if (!lines->n && !cause->log)
        return;
    buf_addf(out, lines->n ? "  last lines of its output" : "  its output");
    if (cause->log) {
        buf_addf(out, lines->n ? " (" : ": ");
        add_place(out, cause);
        buf_addf(out, lines->n ? ")" : "");
    }
    buf_addf(out, lines->n ? ":\n" : "\n");
    for (size_t i = lines->n > CAUSE_LINES ? lines->n - CAUSE_LINES : 0; i < lines->n; i++) {
        buf_addf(out, "    | ");
        text_harmless(out, lines->items[i], LINE_MOST);
        buf_add(out, "\n", 1);
    }
}

void report_cause_block(struct buf *out, const struct cause *cause)
{
    const char *exception = report_exception(cause);
    const char *hint = report_hint(cause);

    buf_addf(out, "dgl-mpilaunch: the job %s: ",
             cause->how == HOW_TOLD_TO_STOP || cause->how == HOW_PREEMPTED ? "was stopped"
                                                                           : "failed");
    report_sentence(out, cause);
    buf_add(out, "\n", 1);
    if (exception) {
        buf_addf(out, "  exception: ");
        text_harmless(out, exception, LINE_MOST);
        buf_add(out, "\n", 1);
    }
    if (hint)
        buf_addf(out, "  hint: %s\n", hint);
    add_last_lines(out, cause);
    buf_addf(out, "  exit code %d\n", cause->code);
}
