/* ports: see the header. Binds and connects no TCP socket. */
#include "coord/ports.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/sockets.h"

#define RANGE "/proc/sys/net/ipv4/ip_local_port_range"
enum { PORTS = UINT16_MAX + 1 };

/* By number. */
struct taken {
    bool listens[PORTS];
};

static bool note(void *arg, const struct socket_row *row)
{
    struct taken *taken = arg;

    if (row->state != SOCKET_LISTEN)
        return false;
    if (row->port > 0 && row->port < PORTS)
        taken->listens[row->port] = true;
    return true;
}

/* The caller frees. */
static struct taken *look(void)
{
    struct taken *taken = mem_calloc(1, sizeof(*taken));

    sockets_each_listening(note, taken);
    return taken;
}

static void let_go(int *fds, int n)
{
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(fds);
}

void ports_release(struct ports *ports)
{
    let_go(ports->fds, ports->n);
    ports->fds = NULL;
    ports->n = 0;
}

/* -1: another job has it. -2: no socket could be made, which is in nobody's way. */
static int hold(int port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "dgl-mpilaunch-port-%d", port);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -2;
    if (!bind(fd, (struct sockaddr *)&address,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)))
        return fd;
    len = errno == EADDRINUSE ? -1 : -2;
    close(fd);
    return len;
}

/* 0, or the first port that cannot be had; then nothing is held. */
static int take(struct ports *ports, const struct taken *taken, int base, int n)
{
    int *fds = mem_calloc((size_t)n, sizeof(*fds)), got = 0;

    ports_release(ports);
    for (; got < n; got++) {
        int port = base + got;

        fds[got] = port >= PORTS || taken->listens[port] ? -1 : hold(port);
        if (fds[got] == -1) {
            let_go(fds, got);
            return port;
        }
    }
    ports->base = base;
    ports->n = n;
    ports->fds = fds;
    return 0;
}

bool ports_take(struct ports *ports, int base, int n)
{
    struct taken *taken;
    bool got;

    if (ports->n == n && ports->base == base)
        return true;
    taken = look();
    got = !take(ports, taken, base, n);
    free(taken);
    return got;
}

static void clients_range(int *low, int *high)
{
    FILE *file = fopen(RANGE, "re");

    if (!file || fscanf(file, "%d %d", low, high) != 2) {
        *low = 32768; /* the kernel's own default */
        *high = 60999;
    }
    if (file)
        fclose(file);
}

static int search(struct ports *ports, const struct taken *taken, int from, int n, int low,
                  int high)
{
    int base = from, busy;

    while (base + n <= PORTS) {
        if (base <= high && base + n > low) {
            base = high + 1;
            continue;
        }
        busy = take(ports, taken, base, n);
        if (!busy) {
            ports_release(ports);
            return base;
        }
        base = busy + 1;
    }
    return 0;
}

int ports_next(struct ports *ports, int from, int n)
{
    struct taken *taken = look();
    int low, high, base;

    clients_range(&low, &high);
    base = search(ports, taken, from, n, low, high);
    if (!base)
        base = search(ports, taken, from, n, PORTS, 0);
    free(taken);
    return base;
}
