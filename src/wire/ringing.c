/* ringing: one datagram. */
#include "wire/ringing.h"

#include <netinet/in.h>
#include <sys/socket.h>

void ringing_send(int fd, uint32_t address, int port, const struct ringing *ringing)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(address)}};

    sendto(fd, ringing, sizeof(*ringing), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
           sizeof(to));
}
