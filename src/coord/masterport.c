/* masterport: one socket that is bound and never listens. */
#include "coord/masterport.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper/listen.h"

enum { LOOK_MS = 250, LOOKS_MS = 60000 };

int masterport_hold(struct masterport *master, int64_t now)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        close(fd);
        return -1;
    }
    *master = (struct masterport){
        .fd = fd, .port = ntohs(address.sin_port), .look_at = now, .looks_end = now + LOOKS_MS};
    return 0;
}

void masterport_release(struct masterport *master)
{
    if (master->fd >= 0)
        close(master->fd);
    *master = MASTERPORT_NONE;
}

bool masterport_is_taken(struct masterport *master, pid_t top, int64_t now, unsigned *uid)
{
    if (master->fd < 0 || now < master->look_at || now > master->looks_end)
        return false;
    master->look_at = now + LOOK_MS;
    return listen_stranger(master->port, top, uid);
}
