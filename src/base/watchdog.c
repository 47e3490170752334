/* watchdog: one thread, made when it is first wanted, that waits for the deadline or for another.
 * Its state is the program's, as an alarm clock's is.
 */
#include "base/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool runs, armed;
    struct timespec ends; /* CLOCK_MONOTONIC */
    int code;
    char text[9216];
    void (*leave)(int code);
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER, .leave = _exit};

void watchdog_leave_by(void (*leave)(int code))
{
    dog.leave = leave;
}

/* stderr may block too; it is the last thing that this process does. */
static _Noreturn void bark(void)
{
    if (write(STDERR_FILENO, dog.text, strlen(dog.text)) >= 0)
        dog.leave(dog.code);
    _exit(dog.code);
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
    for (;;) {
        if (!dog.armed)
            pthread_cond_wait(&dog.changed, &dog.lock);
        else if (is_over())
            bark();
        else
            pthread_cond_timedwait(&dog.changed, &dog.lock, &dog.ends);
    }
    return arg;
}

/* Signals are for the other threads. Without a thread there is no deadline. */
static void start(void)
{
    pthread_condattr_t clock;
    sigset_t all, before;
    pthread_t thread;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&dog.changed, &clock);
    pthread_condattr_destroy(&clock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    dog.runs = pthread_create(&thread, NULL, watch, NULL) == 0;
    if (dog.runs)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void watchdog_begin(int64_t timeout_ms, int code, const char *format, ...)
{
    static const char head[] = "dgl-mpilaunch: error: ";
    const size_t room = sizeof dog.text - sizeof head - 1;
    va_list args;

    if (timeout_ms <= 0)
        return;
    if (!dog.runs)
        start();
    pthread_mutex_lock(&dog.lock);
    strcpy(dog.text, head);
    va_start(args, format);
    vsnprintf(dog.text + strlen(head), room, format, args);
    va_end(args);
    strcat(dog.text, "\n");
    clock_gettime(CLOCK_MONOTONIC, &dog.ends);
    dog.ends.tv_sec += timeout_ms / 1000;
    dog.ends.tv_nsec += timeout_ms % 1000 * 1000000;
    if (dog.ends.tv_nsec >= 1000000000) {
        dog.ends.tv_sec++;
        dog.ends.tv_nsec -= 1000000000;
    }
    dog.code = code;
    dog.armed = true;
    pthread_cond_signal(&dog.changed);
    pthread_mutex_unlock(&dog.lock);
}

void watchdog_end(void)
{
    if (!dog.runs)
        return;
    pthread_mutex_lock(&dog.lock);
    dog.armed = false;
    pthread_mutex_unlock(&dog.lock);
}
