/* clock: monotonic time, deadlines, and wall time as text. */
#include "base/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_cpu_us(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

int clock_poll_timeout(int64_t now, int64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    if (deadline <= now)
        return 0;
    return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

static char *utc(char *text, size_t size, const char *format)
{
    time_t now = time(NULL);
    struct tm parts;

    if (!gmtime_r(&now, &parts) || !strftime(text, size, format, &parts))
        text[0] = '\0';
    return text;
}

char *clock_utc_extended(char *text, size_t size)
{
    return utc(text, size, "%Y-%m-%dT%H:%M:%SZ");
}

char *clock_utc_basic(char *text, size_t size)
{
    return utc(text, size, "%Y%m%dT%H%M%SZ");
}
