/* log: the launcher's own lines for people. The level and the sink are the process's, as stderr is:
 * there is one of each.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

static enum log_level log_level = LOG_NORMAL;
static void (*log_sink)(void *arg, const char *line);
static void *log_sink_arg;

void log_set_level(enum log_level level)
{
    log_level = level;
}

void log_set_sink(void (*sink)(void *arg, const char *line), void *arg)
{
    log_sink = sink;
    log_sink_arg = arg;
}

/* A text may name files, and what another machine has told. */
static void emit(const char *kind, const char *format, va_list args)
{
    struct buf line = {0};
    char *text;

    if (vasprintf(&text, format, args) < 0)
        return;
    buf_addf(&line, "dgl-mpilaunch: %s", kind);
    text_harmless_lines(&line, text, "", strlen(text) * 6);
    buf_add(&line, "\n", 2);
    if (log_sink)
        log_sink(log_sink_arg, line.data);
    else if (write(STDERR_FILENO, line.data, line.len - 1) < 0)
        log_level = LOG_QUIET; /* nobody reads; nothing better can be done */
    buf_free(&line);
    free(text);
}

#define LOG_FUNCTION(name, kind, least)                                                            \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        if (log_level < (least))                                                                   \
            return;                                                                                \
        va_start(args, format);                                                                    \
        emit(kind, format, args);                                                                  \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, "error: ", LOG_QUIET)
LOG_FUNCTION(log_warning, "warning: ", LOG_NORMAL)
LOG_FUNCTION(log_notice, "", LOG_NORMAL)
LOG_FUNCTION(log_verbose, "", LOG_VERBOSE)
