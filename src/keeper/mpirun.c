/* mpirun: another process's sockets, by their numbers in /proc, its descriptors, and what TCP says
 * of them. Knows nothing of the job.
 */
#include "keeper/mpirun.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/kernel.h"
#include "base/procfs.h"
#include "keeper/proc.h"
#include "keeper/sockets.h"

/* How often the same bytes are sent again: 4 times within 3 s. What was sent on another connection
 * at the same moment has then been sent again 3 times at least. */
enum { LOOK_MS = 200, SURE = 4, SILENT = 3, NAME_SIZE = 32, COMM_LETTERS = 15 };

enum kind { KIND_OTHER, KIND_OPEN_MPI, KIND_PRTE };

/* mpiexec.hydra is also called mpirun.mpich, but its ranks' parent is a daemon. */
static enum kind kind_of(pid_t pid)
{
    static const char *const names[] = {"mpirun", "mpirun.openmpi", "mpiexec", "mpiexec.openmpi",
                                        "orterun"};
    char name[NAME_SIZE];

    procfs_read(pid, "comm", name, sizeof(name));
    name[strcspn(name, "\n")] = '\0';
    if (!strcmp(name, "prterun"))
        return KIND_PRTE;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(name, names[i], COMM_LETTERS))
            return KIND_OPEN_MPI;
    return KIND_OTHER;
}

pid_t mpirun_find(void)
{
    pid_t pid = getppid();

    return kind_of(pid) == KIND_OTHER ? 0 : pid;
}

/* Of all processes of the machine. */
struct silent {
    struct sockets sockets;
    bool sure;
};

static bool add_silent(void *arg, const struct socket_row *row)
{
    struct silent *silent = arg;

    if (row->state != SOCKET_ESTABLISHED || row->retransmits < SILENT)
        return true;
    sockets_add(&silent->sockets, row->inode);
    silent->sure |= row->retransmits >= SURE;
    return true;
}

struct shut {
    const struct sockets *sockets;
    int pidfd;
    bool acts; /* false: it counts */
    int n;
};

static bool shut_one(void *arg, int fds, const char *name, const char *target)
{
    struct shut *shut = arg;
    unsigned long inode;
    int fd;

    (void)fds;
    if (sscanf(target, "socket:[%lu]", &inode) != 1 || !sockets_has(shut->sockets, inode))
        return false;
    shut->n++;
    fd = shut->acts ? kernel_pidfd_getfd(shut->pidfd, (int)strtol(name, NULL, 10)) : -1;
    if (fd >= 0) {
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    return false;
}

/* False: nothing but SIGKILL makes it return a code that is not 0. *sure becomes true when a
 * connection is silent for good. */
static bool let_go(int pidfd, pid_t pid, int daemons, bool *sure)
{
    struct silent silent = {0};
    struct shut shut = {.sockets = &silent.sockets, .pidfd = pidfd};

    sockets_each(add_silent, &silent);
    *sure |= silent.sure;
    if (silent.sure)
        procfs_each_fd(pid, shut_one, &shut);
    shut.acts = kind_of(pid) != KIND_PRTE || shut.n < daemons;
    if (shut.n && shut.acts)
        procfs_each_fd(pid, shut_one, &shut);
    sockets_free(&silent.sockets);
    return !shut.n || shut.acts;
}

/* Does nobody take what it prints, or is it stopped? Then its user may want it to stay. True also
 * where that cannot be known. */
static bool may_wait_for_somebody(int pidfd, pid_t pid)
{
    char state = proc_state(pid);
    bool waits = state == 'T' || state == 't';

    for (int i = STDOUT_FILENO; i <= STDERR_FILENO && !waits; i++) {
        struct pollfd stream = {.fd = kernel_pidfd_getfd(pidfd, i), .events = POLLOUT};

        waits = stream.fd < 0 || poll(&stream, 1, 0) <= 0;
        if (stream.fd >= 0)
            close(stream.fd);
    }
    return waits;
}

void mpirun_see_off(int pidfd, pid_t pid, int daemons, int64_t wait_ms)
{
    int64_t end = clock_ms() + wait_ms, alone_since = clock_ms();
    struct pollfd entry = {.fd = pidfd, .events = POLLIN};
    bool sure = false;

    while (poll(&entry, 1, LOOK_MS) <= 0) {
        bool was_sure = sure, goes = let_go(pidfd, pid, daemons, &sure);
        int64_t now = clock_ms();

        if (may_wait_for_somebody(pidfd, pid))
            alone_since = now;
        if (sure && !was_sure)
            end = now + wait_ms;
        if (goes && now < end)
            continue;
        if (sure || now - alone_since >= wait_ms / 4)
            kernel_pidfd_send_signal(pidfd, SIGKILL);
        return;
    }
}
