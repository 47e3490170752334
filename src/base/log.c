/* log: the launcher's own lines for people. A process has one level and one sink, as it has one
 * stderr.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
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

/* Made harmless, since file names and other machines' texts are in it. */
static void emit(const char *kind, const char *format, va_list args)
{
    struct buf line = {0};
    char *text = mem_vprintf(format, args);

    buf_addf(&line, "dgl-mpilaunch: %s", kind);
    text_harmless_lines(&line, text, "", strlen(text) * 6);
    buf_add(&line, "\n", 2);
    if (log_sink)
        log_sink(log_sink_arg, line.data);
    else if (write(STDERR_FILENO, line.data, line.len - 1) < 0)
        log_level = LOG_QUIET; /* nobody reads stderr any more */
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
