/* doorbell: see the header. */
#include "coord/doorbell.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum {
    DEAF_MS = 100, /* as long as a rank without doorbell sleeps */
    BUFFER = 8192  /* bytes that the kernel keeps: some ten datagrams */
};

void doorbell_open(struct doorbell *bell, uint32_t address, uint64_t key)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};
    socklen_t len = sizeof(at);
    int fd = key ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;

    *bell = (struct doorbell){.fd = fd, .key = key};
    if (fd >= 0 && !bind(fd, (struct sockaddr *)&at, len) &&
        !getsockname(fd, (struct sockaddr *)&at, &len)) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){BUFFER}, sizeof(int));
        bell->port = ntohs(at.sin_port);
        return;
    }
    log_verbose("no doorbell can be opened here; this rank looks each 100 ms for messages");
    doorbell_close(bell);
}

void doorbell_close(struct doorbell *bell)
{
    if (bell->fd >= 0)
        close(bell->fd);
    bell->fd = -1;
    bell->port = 0;
}

struct pollfd doorbell_poll(const struct doorbell *bell, int64_t now)
{
    return (struct pollfd){.fd = now < bell->deaf_until ? -1 : bell->fd, .events = POLLIN};
}

void doorbell_ring(const struct doorbell *bell, uint32_t address, int port, int rank,
                   enum ringing_what what)
{
    struct ringing ringing = {.key = bell->key, .rank = (uint32_t)rank, .what = what};

    if (bell->fd >= 0 && port > 0)
        ringing_send(bell->fd, address, port, &ringing);
}

static bool is_known(const struct doorbell *bell, const struct ringing *ringing)
{
    if (ringing->what == RINGING_ASK)
        return bell->ask_key && ringing->key == bell->ask_key;
    return ringing->key == bell->key;
}

bool doorbell_hear(struct doorbell *bell, int64_t now, struct ringing *ringing)
{
    ssize_t len;

    if (bell->fd < 0 || now < bell->deaf_until)
        return false;
    len = recv(bell->fd, ringing, sizeof(*ringing), MSG_TRUNC);
    if (len == sizeof(*ringing) && is_known(bell, ringing))
        return true;
    if (len >= 0) /* whoever floods this port costs ten looks a second */
        doorbell_be_deaf(bell, now);
    return false;
}

void doorbell_be_deaf(struct doorbell *bell, int64_t now)
{
    bell->deaf_until = now + DEAF_MS;
}
