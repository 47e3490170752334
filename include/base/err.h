/* err: why something failed, as text, and the exit code that the job ends with because of it.
 * The callee sets the reason, the caller wraps it with what it was doing, main prints it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

/* The launcher's own exit codes. A child's code or 128+signal may be any other. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 2,         /* usage, or an unreadable or wrong configuration */
    EXIT_MACHINE = 3,       /* a machine lacks something before start */
    EXIT_PREEMPTED = 75,    /* EX_TEMPFAIL: a batch script may requeue */
    EXIT_START_TIME = 124,  /* as timeout(1) */
    EXIT_LAUNCHER = 125,    /* the launcher itself, a lost machine, a server that left too early */
    EXIT_CANNOT_EXEC = 126, /* as a shell: found but not executable */
    EXIT_NOT_FOUND = 127,   /* as a shell: not found */
    EXIT_SIGNAL_BASE = 128, /* + signal number */
};

struct err {
    int code; /* an enum exit_code; 0 while nothing has been set */
    /* one sentence without a full stop, perhaps with a list below; there is room for two paths */
    char text[10240];
};

/* Sets code and text; control characters become \xNN, and a text that is too long ends in "...".
 * Always returns -1, so that a function can end in `return err_set(...)`. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "WHAT: " before the text that is there; keeps the code. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
