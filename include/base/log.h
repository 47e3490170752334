/* log: the launcher's own lines for people. One line a call, without control characters, prefixed
 * "dgl-mpilaunch: ". Never exits, never blocks on more than one write(2) to stderr.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
    LOG_QUIET,   /* errors only */
    LOG_NORMAL,  /* also notices and warnings */
    LOG_VERBOSE, /* also each step of the job */
};

/* The process-wide level; LOG_NORMAL at start. */
void log_set_level(enum log_level level);

/* sink gets each whole line, with its '\n', and arg. NULL: write(2) to stderr, as at the start. */
void log_set_sink(void (*sink)(void *arg, const char *line), void *arg);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
