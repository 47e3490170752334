/* masterport: one socket that is bound and never listens. */
#include "coord/masterport.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int masterport_hold(struct masterport *master)
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
    *master = (struct masterport){.fd = fd, .port = ntohs(address.sin_port)};
    return 0;
}

void masterport_release(struct masterport *master)
{
    if (master->fd >= 0)
        close(master->fd);
    *master = MASTERPORT_NONE;
}
