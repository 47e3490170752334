/* watchdog: ends this process when a call that has no deadline takes too long, as on a file system
 * that hangs. It is a thread, which calls only poll, write and what ends the process. Between
 * watchdog_end and watchdog_begin the thread does not exist, so that the process may fork.
 */
#ifndef BASE_WATCHDOG_H
#define BASE_WATCHDOG_H

#include <stdint.h>

/* leave: what the watchdog's thread calls to end the process; _exit unless it is set. */
void watchdog_leave_by(void (*leave)(int code) __attribute__((noreturn)));

/* The shorter of two time-outs; 0 means no time-out. */
int64_t watchdog_shorter(int64_t a_ms, int64_t b_ms);

/* Unless watchdog_end is called within timeout_ms (0: any time), writes the sentence to stderr,
 * made harmless and with "error: " in front, and ends the process with the code. One caller at a
 * time. */
void watchdog_begin(int64_t timeout_ms, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void watchdog_end(void);

#endif
