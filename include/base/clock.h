/* clock: monotonic time, deadlines, and wall time as text. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* A deadline that never comes. */
#define CLOCK_NEVER INT64_MAX

/* Milliseconds of CLOCK_MONOTONIC. Not comparable between machines. */
int64_t clock_ms(void);

/* Microseconds of CPU that this thread has used. */
int64_t clock_cpu_us(void);

/* Milliseconds from now until deadline for poll(2): 0 if it has passed, -1 for CLOCK_NEVER,
 * at most INT_MAX. */
int clock_poll_timeout(int64_t now, int64_t deadline);

/* The UTC wall time as 2026-11-24T10:49:37Z (extended) or 20261124T104937Z (basic); returns text.
 */
char *clock_utc_extended(char *text, size_t size);
char *clock_utc_basic(char *text, size_t size);

#endif
