/* birth: fork, descriptors and signals of the keeper and the scribe. */
#include "keeper/birth.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"

pid_t birth_fork(const char *name, void (*born)(void *arg), void *arg)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid = fork();
    if (pid == 0) {
        setsid();
        prctl(PR_SET_NAME, name);
        born(arg);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

int birth_keep(const int *fds, int n, bool silent)
{
    int null, high[8];

    for (int i = 0; i < n; i++) { /* out of the way of where the others go */
        high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, BIRTH_FIRST_FD + n);
        if (high[i] < 0)
            return -1;
    }
    null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return -1;
    if ((silent || fcntl(STDERR_FILENO, F_GETFD) < 0) && dup2(null, STDERR_FILENO) < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        if (dup3(high[i], BIRTH_FIRST_FD + i, O_CLOEXEC) < 0)
            return -1;
    }
    file_close_from((unsigned)(BIRTH_FIRST_FD + n));
    return chdir("/");
}

void birth_take_signals(const int *ignored, size_t n, const sigset_t *blocked)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &action, NULL); /* fails for KILL, STOP and the C library's own */
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < n; i++)
        sigaction(ignored[i], &action, NULL);
    sigprocmask(SIG_SETMASK, blocked, NULL);
}
