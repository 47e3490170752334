/* output_logs: the log files of what is printed: which there are, which have failed, what is
 * missing in them, and how long the end waits for them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/doing.h"
#include "keeper/logfile.h"
#include "keeper/output_state.h"

bool output_has_log(const struct output *o, const struct stream *s)
{
    return s->log.number >= 0 && o->sink.logs->fd >= 0;
}

static void warn(const struct output *o, char *sentence)
{
    o->sink.warn(o->sink.arg, sentence);
    free(sentence);
}

static void log_fails(const struct output *o, struct stream *s, int error)
{
    s->log.number = -1;
    warn(o, mem_printf("the log file '%s' of %s on %s is not complete: %s", s->log.path, s->name,
                       o->host, strerror(error)));
}

static void scribe_is_gone(struct output *o)
{
    if (o->scribe_told || !o->log_dir)
        return;
    o->scribe_told = true;
    warn(o, mem_printf("the process that writes the log files on %s (dgl-scribe) has died; from "
                       "then on they are not written",
                       o->host));
}

void output_open_log(struct output *o, struct stream *s, const char *role, int id)
{
    char *name = o->attempt == 0 ? mem_printf("%s-%d", role, id)
                                 : mem_printf("%s-%d.%d", role, id, o->attempt);
    char *path = logfile_path(o->log_dir, o->host, name);

    logs_open(o->sink.logs, &s->log, path, o->sink.log_size);
    free(path);
    free(name);
    if (o->sink.logs->fd < 0)
        scribe_is_gone(o);
    else if (s->log.number < 0)
        log_fails(o, s, s->log.error);
}

const char *output_log(const struct output *o, int stream)
{
    return stream >= 0 && stream < o->n ? o->streams[stream].log.path : NULL;
}

bool output_log_has_room(const struct output *o, const struct stream *s)
{
    return s->log.number < 0 || logs_may_write(o->sink.logs, &s->log);
}

void output_read_news(struct output *o)
{
    int number, error, rc;

    while ((rc = logs_next(o->sink.logs, &number, &error)) > 0) {
        for (int i = 0; i < o->n; i++) {
            if (o->streams[i].log.number == number)
                log_fails(o, &o->streams[i], error);
        }
    }
    if (rc < 0)
        scribe_is_gone(o);
}

/* What is missing, and what may still come when the file system answers again. */
static void warn_of_missing(const struct output *o, size_t under_way)
{
    if (under_way > 0)
        warn(o, mem_printf("the log files on %s in '%s' are not complete: the file system has not "
                           "answered for %d s; %zu bytes wait to be written",
                           o->host, o->log_dir, OUTPUT_SETTLE_MS / 1000, under_way));
    for (int i = 0; i < o->n; i++) {
        const struct logs_file *log = &o->streams[i].log;

        if (log->missing > 0)
            warn(o, mem_printf("%llu lines are missing in the log file '%s' of %s on %s, because "
                               "the file system did not answer in time",
                               (unsigned long long)log->missing, log->path, o->streams[i].name,
                               o->host));
    }
}

bool output_settle(struct output *o, int64_t now)
{
    int64_t still;
    size_t under_way;

    if (o->settled || !o->log_dir)
        return true;
    if (o->settle_from == 0) {
        o->settle_from = now;
        for (int i = 0; i < o->n; i++)
            logs_end(o->sink.logs, &o->streams[i].log);
    }
    under_way = logs_under_way(o->sink.logs);
    output_read_news(o);
    still = now - o->settle_from;
    if (under_way > 0 && logs_still_for(o->sink.logs, now) < still)
        still = logs_still_for(o->sink.logs, now);
    if (under_way > 0 && still < OUTPUT_SETTLE_MS) {
        doing_progress();
        o->settle_ends = now - still + OUTPUT_SETTLE_MS;
        return false;
    }
    o->settle_ends = CLOCK_NEVER;
    o->settled = true;
    warn_of_missing(o, under_way);
    return true;
}
