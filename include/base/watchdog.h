/* watchdog: ends this process when something takes too long that cannot be given a deadline itself,
 * such as a file system that hangs. A thread of its own, which calls nothing but poll, write and
 * what ends the process; between watchdog_end and watchdog_begin there is none, so that the process
 * may fork.
 */
#ifndef BASE_WATCHDOG_H
#define BASE_WATCHDOG_H

#include <stdint.h>

/* How the process ends then, in the watchdog's thread; _exit unless told. */
void watchdog_leave_by(void (*leave)(int code) __attribute__((noreturn)));

/* The shorter of two time-outs, of which 0 is none at all. */
int64_t watchdog_shorter(int64_t a_ms, int64_t b_ms);

/* From now on, until watchdog_end, timeout_ms are allowed (0: any time). Then the sentence is
 * written to stderr, made harmless, with "error: " in front, unless nobody reads that, and the
 * process exits with the code. Not nested, one thread. */
void watchdog_begin(int64_t timeout_ms, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void watchdog_end(void);

#endif
