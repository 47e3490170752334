/* probe: see the header. */
#include "coord/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

static struct sockaddr_in place(uint32_t address, int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(address)}};
}

/* -1: with errno. */
static int open_at(uint32_t address)
{
    struct sockaddr_in at = place(address, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0 || !bind(fd, (struct sockaddr *)&at, sizeof(at)))
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int listen_at(struct link *link)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof(at);
    int fd = link->down ? -1 : open_at(link->address);

    if (fd < 0)
        return -1;
    if (listen(fd, SOMAXCONN) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0) {
        close(fd);
        return -1;
    }
    link->port = ntohs(at.sin_port);
    return fd;
}

void probe_open(struct probe *probe, struct site *site)
{
    for (int i = 0; i < SITE_LINKS; i++)
        probe->fds[i] = i < site->n ? listen_at(&site->links[i]) : -1;
}

void probe_close(struct probe *probe)
{
    for (int i = 0; i < SITE_LINKS; i++) {
        if (probe->fds[i] >= 0)
            close(probe->fds[i]);
        probe->fds[i] = -1;
    }
}

static void fail(struct verdict *verdict, const struct probe_target *target, int error)
{
    if (!verdict->failed[target->network]++) {
        verdict->first[target->network] = target->machine;
        verdict->error[target->network] = error;
    }
}

/* Returns the descriptor on which the answer comes; -1: it has failed, and counts. */
static int begin(const struct probe_target *target, struct verdict *verdict)
{
    struct sockaddr_in to = place(target->to, target->port);
    int fd = -1, error = ECONNREFUSED;

    if (target->port) {
        fd = open_at(target->from);
        if (fd >= 0 && (!connect(fd, (struct sockaddr *)&to, sizeof(to)) || errno == EINPROGRESS))
            return fd;
        error = errno;
    }
    if (fd >= 0)
        close(fd);
    fail(verdict, target, error);
    return -1;
}

/* The answer is there, or the time is over. */
static void end(struct pollfd *entry, const struct probe_target *target, struct verdict *verdict)
{
    socklen_t len = sizeof(int);
    int error = ETIMEDOUT;

    if (entry->revents && getsockopt(entry->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error)
        fail(verdict, target, error);
    close(entry->fd);
    entry->fd = -1;
}

void probe_reach(const struct probe_target *targets, size_t n, struct verdict *verdict)
{
    struct pollfd *entries = mem_calloc(n, sizeof(*entries));
    int64_t deadline = clock_ms() + PROBE_MS;
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        entries[i] = (struct pollfd){.fd = begin(&targets[i], verdict), .events = POLLOUT};
        left += entries[i].fd >= 0;
    }
    while (left) {
        bool over = poll(entries, n, clock_poll_timeout(clock_ms(), deadline)) <= 0 &&
                    clock_ms() >= deadline;

        for (size_t i = 0; i < n; i++) {
            if (entries[i].fd < 0 || (!entries[i].revents && !over))
                continue;
            end(&entries[i], &targets[i], verdict);
            left--;
        }
    }
    free(entries);
}
