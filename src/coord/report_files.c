/* report_files: makes the texts and hands them over. */
#include "coord/report_files.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "coord/root_state.h"
#include "job/dgl.h"
#include "keeper/logfile.h"
#include "report/block.h"
#include "report/html.h"
#include "report/json.h"
#include "report/state.h"
#include "report/warnings.h"

enum { SETTLE_MS = 5000 /* for a scribe that does not get on, at the end */ };

static void report_failed(struct root *root, const char *why)
{
    if (!root->report_warned)
        log_warning("the report is not complete: %s", why);
    root->report_warned = true;
    root->report_written = false;
}

static void hand(struct root *root, enum scribe_how how, const char *path, const struct buf *text)
{
    struct err err = {0};

    if (!scribe_hand(root->scribe, how, path, text->data, text->len, &err))
        return;
    if (how == SCRIBE_REPLACE)
        report_failed(root, err.text);
    else
        root->last_words_written = false;
}

static void write_as(struct root *root, const char *name, const struct report *report,
                     void (*make)(struct buf *out, const struct report *report))
{
    char *path = root_in_run_dir(root, name);
    struct buf text = {0};

    make(&text, report);
    hand(root, SCRIBE_REPLACE, path, &text);
    buf_free(&text);
    free(path);
}

/* Tries again each time, since the disk may have room again; the failure is told once. */
void root_write_report(struct root *root, const struct report *report)
{
    root->report_written = true;
    if (!root->job->run_dir)
        return;
    write_as(root, "report.json", report, report_json);
    write_as(root, "report.html", report, report_html);
}

static void state_of_all(struct buf *out, const struct report *report)
{
    report_state(out, report, STATE_ALL);
}

void root_write_state(struct root *root, const struct report *report)
{
    if (!root->job->run_dir || !root->scribe || root->scribe->under_way)
        return;
    write_as(root, "report.json", report, report_json);
    write_as(root, "state.txt", report, state_of_all);
}

void root_write_list(struct root *root)
{
    char *path;

    if (!root->job->run_dir || !root->job->writes_ip_config)
        return;
    path = root_in_run_dir(root, DGL_IP_CONFIG_NAME);
    hand(root, SCRIBE_REPLACE, path, &root->job->ip_config);
    free(path);
}

char *root_launcher_log(const struct root *root)
{
    char *logs, *path;

    if (!root->job->run_dir)
        return NULL;
    logs = root_in_run_dir(root, "logs");
    path = logfile_path(logs, root->meeting->seats[0].host, "launcher");
    free(logs);
    return path;
}

void root_write_last_words(struct root *root, const struct report *report)
{
    char *path = root_launcher_log(root);
    struct buf text = {0};

    root->last_words_written = path != NULL;
    if (!path)
        return;
    report_each_warning(&text, report);
    if (report->cause)
        report_cause_block(&text, report->cause);
    if (text.len)
        hand(root, SCRIBE_APPEND, path, &text);
    buf_free(&text);
    free(path);
}

void root_scribe_answers(struct root *root, const struct err *why, enum scribe_how how)
{
    if (!why) {
        root->last_words_written = false;
        report_failed(root, "the process that writes it (dgl-scribe) has died");
    } else if (why->text[0] && how == SCRIBE_REPLACE) {
        report_failed(root, why->text);
    } else if (why->text[0]) {
        root->last_words_written = false;
        log_verbose("%s", why->text);
    }
}

bool root_files_settled(struct root *root, int64_t now)
{
    int64_t since = root->settle_from;

    if (!root->scribe || !root->scribe->under_way)
        return true;
    if (root->scribe->moved > since)
        since = root->scribe->moved;
    if (now - since < SETTLE_MS)
        return false;
    log_warning("the report in '%s' is not complete: the file system has not answered for %d s",
                root->job->run_dir, SETTLE_MS / 1000);
    root->report_warned = true;
    root->report_written = root->last_words_written = false;
    return true;
}
