/* signals: TERM, INT and HUP to this rank, as a descriptor for poll(2). */
#include "coord/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* What the handler needs; it can take no argument. */
static int signal_pipe[2] = {-1, -1};
static volatile sig_atomic_t signals_held;
static volatile sig_atomic_t early_usr1, early_usr2; /* has come before signals_watch */
static bool usr1_ignored;                            /* at start */

static void on_signal(int number)
{
    unsigned char byte = (unsigned char)number;
    int kept = errno;

    if (!signals_held)
        _exit(EXIT_SIGNAL_BASE + number);
    if (write(signal_pipe[1], &byte, 1) < 0)
        errno = kept; /* the pipe is full: enough signals wait in it */
    errno = kept;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction old, action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static void on_early(int number)
{
    if (number == SIGUSR1)
        early_usr1 = 1;
    else
        early_usr2 = 1;
}

static void set(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigfillset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_remember(void)
{
    static const int numbers[] = {SIGUSR1, SIGUSR2};
    struct sigaction now;

    for (int i = 0; i < 2; i++)
        if (!sigaction(numbers[i], NULL, &now) && now.sa_handler != SIG_IGN)
            set(numbers[i], on_early);
        else if (numbers[i] == SIGUSR1)
            usr1_ignored = true;
}

/* The keeper sends ALRM when this rank gives no sign: some call never comes back. */
static void on_alarm(int number)
{
    (void)number;
    _exit(EXIT_LAUNCHER);
}

int signals_open(struct err *err)
{
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_set(err, EXIT_LAUNCHER, "cannot make a pipe: %s", strerror(errno));
    handle(SIGTERM, on_signal);
    handle(SIGINT, on_signal);
    handle(SIGHUP, on_signal);
    handle(SIGALRM, on_alarm);
    handle(SIGPIPE, SIG_IGN);
    return 0;
}

void signals_watch(int number)
{
    set(SIGUSR1, number == SIGUSR1 || !usr1_ignored ? on_signal : SIG_IGN);
    set(SIGUSR2, number == SIGUSR2 ? on_signal : SIG_IGN);
    if ((number == SIGUSR1 && early_usr1) || (number == SIGUSR2 && early_usr2))
        raise(number);
}

void signals_hold(void)
{
    signals_held = 1;
}

int signals_fd(void)
{
    return signal_pipe[0];
}

int signals_take(void)
{
    unsigned char byte;

    return read(signal_pipe[0], &byte, 1) == 1 ? byte : 0;
}
