/* fake, net: a DGL server's and a DGL client's connections, as DGL makes them. A server accepts
 * exactly DGL_NUM_CLIENT (DGL's SocketReceiver::Wait), so that a probe of its port takes a
 * trainer's place and the job hangs, as it would with DGL.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"

enum { DEFAULT_PORT = 30050 };

static int listener = -1;

/* Reads the lines of DGL_IP_CONFIG; returns how many. */
static int read_ip_config(struct sockaddr_in **lines)
{
    const char *path = getenv("DGL_IP_CONFIG");
    FILE *file = path ? fopen(path, "re") : NULL;
    char text[256], ip[64];
    int n = 0;

    *lines = NULL;
    if (!file)
        fake_die(FAKE_BAD_SCRIPT, "DGL_IP_CONFIG '%s': %s", path ? path : "",
                 path ? strerror(errno) : "not set");
    while (fgets(text, sizeof(text), file)) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        int port = DEFAULT_PORT;

        if (sscanf(text, "%63s %d", ip, &port) < 1 || inet_aton(ip, &address.sin_addr) == 0)
            fake_die(FAKE_BAD_SCRIPT, "%s: cannot read '%s'", path, text);
        address.sin_port = htons((uint16_t)port);
        *lines = realloc(*lines, (size_t)(n + 1) * sizeof(**lines));
        if (!*lines)
            abort();
        (*lines)[n++] = address;
    }
    fclose(file);
    return n;
}

static void add_port(struct sockaddr_in *address, int add)
{
    address->sin_port = htons((uint16_t)(ntohs(address->sin_port) + add));
}

static const char *address_text(const struct sockaddr_in *address)
{
    static char text[64];

    snprintf(text, sizeof(text), "%s:%d", inet_ntoa(address->sin_addr), ntohs(address->sin_port));
    return text;
}

void net_listen(void)
{
    struct sockaddr_in *lines, address;
    int id = fake_env_int("DGL_SERVER_ID", 0), per_machine = fake_env_int("DGL_NUM_SERVER", 1);
    int n, one = 1;

    if (listener >= 0)
        return;
    n = read_ip_config(&lines);
    if (per_machine < 1 || id / per_machine >= n)
        fake_die(FAKE_BAD_SCRIPT, "server %d of %d a machine has no line among %d", id, per_machine,
                 n);
    address = lines[id / per_machine];
    free(lines);
    add_port(&address, id % per_machine);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 1024) != 0)
        fake_die(1, "cannot listen on %s: %s", address_text(&address), strerror(errno));
}

/* Waits until every connection has been closed by its other end. */
static void wait_closed(struct pollfd *fds, int n)
{
    char rest[4096];

    for (int open = n; open > 0;) {
        if (poll(fds, (nfds_t)n, -1) < 0)
            continue;
        for (int i = 0; i < n; i++) {
            if (fds[i].revents == 0 || recv(fds[i].fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
                continue;
            close(fds[i].fd);
            fds[i].fd = -1;
            open--;
        }
    }
}

void net_serve(void)
{
    int n = fake_env_int("DGL_NUM_CLIENT", -1);
    struct pollfd *fds;

    if (n < 0)
        fake_die(FAKE_BAD_SCRIPT, "DGL_NUM_CLIENT is not set");
    net_listen();
    fds = calloc((size_t)n + 1, sizeof(*fds));
    if (!fds)
        abort();
    for (int i = 0; i < n; i++) {
        do
            fds[i].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        while (fds[i].fd < 0 && (errno == EINTR || errno == ECONNABORTED));
        if (fds[i].fd < 0)
            fake_die(1, "cannot accept: %s", strerror(errno));
        fds[i].events = POLLIN;
    }
    wait_closed(fds, n);
    free(fds);
}

/* DGL_NUM_CLIENT counts a trainer's sampler workers, which connect too; with for_samplers the
 * trainer does it for them. The connections stay open until this process ends. */
void net_connect(bool for_samplers)
{
    const char *role = getenv("DGL_ROLE");
    int per_machine = fake_env_int("DGL_NUM_SERVER", 0), times = 1, n;
    struct sockaddr_in *lines;

    if (per_machine == 0)
        return;
    if (for_samplers && role && !strcmp(role, "client"))
        times += fake_env_int("DGL_NUM_SAMPLER", 0);
    n = read_ip_config(&lines);
    for (int i = 0; i < n * per_machine * times; i++) {
        struct sockaddr_in address = lines[i / per_machine % n];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        add_port(&address, i % per_machine);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
            fake_die(FAKE_REFUSED, "cannot connect to %s: %s", address_text(&address),
                     strerror(errno));
    }
    free(lines);
}
