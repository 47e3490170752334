/* sleepers: the ranks beyond one a machine. Abstract Unix sockets leave nothing in the file system
 * and belong to the network namespace, as the machine's addresses do. Only the same user is let in.
 */
#include "coord/sleepers.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/signals.h"

struct sleepers {
    int listener;
    int n;      /* that have connected */
    int wanted; /* that will */
    int fds[];
};

static socklen_t address_of(struct sockaddr_un *address, uint64_t key, int machine)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
             "dgl-mpilaunch-%016" PRIx64 "-%d", key, machine);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
}

struct sleepers *sleepers_open(uint64_t key, int machine, int n, struct err *err)
{
    struct sleepers *s = mem_calloc(1, sizeof(*s) + (size_t)n * sizeof(int));
    struct sockaddr_un address;
    socklen_t len = address_of(&address, key, machine);

    s->wanted = n;
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, len) < 0 ||
        listen(s->listener, n) < 0) {
        err_set(err, EXIT_LAUNCHER, "cannot listen for the other ranks of this machine: %s",
                strerror(errno));
        if (s->listener >= 0)
            close(s->listener);
        free(s);
        return NULL;
    }
    return s;
}

int sleepers_poll(const struct sleepers *s, struct pollfd *entries, int room)
{
    int n = 0;

    if (s->listener >= 0 && n < room)
        entries[n++] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    for (int i = 0; i < s->n && n < room; i++)
        entries[n++] = (struct pollfd){.fd = s->fds[i], .events = POLLIN};
    return n;
}

static bool is_own_user(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

static void accept_all(struct sleepers *s)
{
    while (s->n < s->wanted) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            return;
        if (is_own_user(fd))
            s->fds[s->n++] = fd;
        else
            close(fd);
    }
    close(s->listener);
    s->listener = -1;
}

int sleepers_event(struct sleepers *s)
{
    if (s->listener >= 0)
        accept_all(s);
    for (int i = 0; i < s->n; i++) {
        unsigned char number;
        ssize_t n = read(s->fds[i], &number, 1);

        if (n == 1)
            return number; /* the others' come with the next call */
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        close(s->fds[i]);
        s->fds[i] = s->fds[--s->n];
        s->wanted--;
        return -1;
    }
    return 0;
}

void sleepers_dismiss(struct sleepers *s, int code)
{
    unsigned char byte = (unsigned char)code;

    if (s->listener >= 0)
        accept_all(s);
    for (int i = 0; i < s->n; i++) {
        if (send(s->fds[i], &byte, 1, MSG_NOSIGNAL) < 0)
            byte = (unsigned char)code; /* the sleeper has died */
        close(s->fds[i]);
    }
    if (s->listener >= 0)
        close(s->listener);
    free(s);
}

int sleepers_connect(uint64_t key, int machine, struct err *err)
{
    struct sockaddr_un address;
    socklen_t len = address_of(&address, key, machine);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, len) == 0)
        return fd;
    err_set(err, EXIT_LAUNCHER, "cannot reach the elected rank of this machine: %s",
            strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int next_look(int64_t alone_until, const struct parent *parent)
{
    int in = clock_poll_timeout(clock_ms(), alone_until);

    return parent->asks && (in < 0 || in > PARENT_ASK_MS) ? PARENT_ASK_MS : in;
}

int sleepers_sleep(int fd, int signals_fd, const struct parent *parent)
{
    struct pollfd entries[] = {{.fd = fd, .events = POLLIN},
                               {.fd = signals_fd, .events = POLLIN},
                               {.fd = parent->fd, .events = POLLIN}};
    int64_t alone_until = fd < 0 ? clock_ms() + SLEEPERS_ALONE_MS : CLOCK_NEVER;
    unsigned char byte;
    int number;

    while (clock_ms() < alone_until) {
        if (poll(entries, 3, next_look(alone_until, parent)) < 0 && errno != EINTR)
            return EXIT_LAUNCHER;
        if (entries[0].revents) {
            if (read(fd, &byte, 1) == 1)
                return byte;
            entries[0] = (struct pollfd){.fd = -1};
            alone_until = clock_ms() + SLEEPERS_ALONE_MS;
        }
        if (launch_parent_gone(parent, entries[2].revents))
            return EXIT_LAUNCHER;
        while ((number = signals_take())) {
            byte = (unsigned char)number;
            if ((entries[0].fd < 0 || send(fd, &byte, 1, MSG_NOSIGNAL) < 0) && number != SIGUSR1)
                return EXIT_SIGNAL_BASE + number;
        }
    }
    return EXIT_LAUNCHER;
}
