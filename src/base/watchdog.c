/* watchdog: a thread that exists only while something is watched, and waits for the deadline or for
 * watchdog_end. The process has one.
 */
#include "base/watchdog.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

enum { READER_MS = 500 }; /* for each PIPE_BUF of the sentence */

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool runs, armed;
    struct timespec ends; /* CLOCK_MONOTONIC */
    int code;
    struct buf text;
    void (*leave)(int code) __attribute__((noreturn));
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .leave = _exit};

void watchdog_leave_by(void (*leave)(int code) __attribute__((noreturn)))
{
    dog.leave = leave;
}

int64_t watchdog_shorter(int64_t a_ms, int64_t b_ms)
{
    if (a_ms <= 0 || b_ms <= 0)
        return a_ms > 0 ? a_ms : b_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

/* Writes PIPE_BUF at a time, which a pipe that poll reports takes without blocking. Gives up when
 * the reader has stopped. */
static void say(const char *text, size_t len)
{
    struct pollfd entry = {.fd = STDERR_FILENO, .events = POLLOUT};

    while (len && poll(&entry, 1, READER_MS) == 1 && (entry.revents & POLLOUT)) {
        ssize_t n = write(STDERR_FILENO, text, len < PIPE_BUF ? len : PIPE_BUF);

        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static _Noreturn void bark(void)
{
    say(dog.text.data, dog.text.len);
    dog.leave(dog.code);
}

static bool is_over(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > dog.ends.tv_sec ||
           (now.tv_sec == dog.ends.tv_sec && now.tv_nsec >= dog.ends.tv_nsec);
}

static void *watch(void *arg)
{
    pthread_mutex_lock(&dog.lock);
    while (dog.armed) {
        if (is_over())
            bark();
        pthread_cond_timedwait(&dog.changed, &dog.lock, &dog.ends);
    }
    pthread_mutex_unlock(&dog.lock);
    return arg;
}

/* The thread blocks all signals, so that the other threads get them. If it cannot be created, there
 * is no deadline. */
static void start(void)
{
    pthread_condattr_t clock;
    sigset_t all, before;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.changed, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    dog.armed = true;
    dog.runs = pthread_create(&dog.thread, NULL, watch, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void set_deadline(int64_t timeout_ms)
{
    clock_gettime(CLOCK_MONOTONIC, &dog.ends);
    dog.ends.tv_sec += timeout_ms / 1000;
    dog.ends.tv_nsec += timeout_ms % 1000 * 1000000;
    if (dog.ends.tv_nsec >= 1000000000) {
        dog.ends.tv_sec++;
        dog.ends.tv_nsec -= 1000000000;
    }
}

void watchdog_begin(int64_t timeout_ms, int code, const char *format, ...)
{
    static const char head[] = "dgl-mpilaunch: error: ";
    va_list args;
    char *text;

    if (timeout_ms <= 0)
        return;
    va_start(args, format);
    text = mem_vprintf(format, args);
    va_end(args);
    buf_add(&dog.text, head, strlen(head));
    text_harmless_lines(&dog.text, text, "", strlen(text) * 6);
    buf_add(&dog.text, "\n", 1);
    free(text);
    dog.code = code;
    set_deadline(timeout_ms);
    start();
}

void watchdog_end(void)
{
    if (dog.runs) {
        pthread_mutex_lock(&dog.lock);
        dog.armed = false;
        pthread_cond_signal(&dog.changed);
        pthread_mutex_unlock(&dog.lock);
        pthread_join(dog.thread, NULL);
        pthread_cond_destroy(&dog.changed);
        dog.runs = false;
    }
    buf_free(&dog.text);
}
