/* resolve: getaddrinfo. Knows nothing of ip_config. */
#include "job/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>

static bool take_address(const struct addrinfo *found, uint32_t *address)
{
    struct sockaddr_in in;

    memcpy(&in, found->ai_addr, sizeof(in));
    *address = ntohl(in.sin_addr.s_addr);
    return *address >> 24 != 127;
}

int resolve_name(const char *name, uint32_t *address, struct err *why)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *all = NULL;
    int rc = getaddrinfo(name, NULL, &hints, &all);
    bool found = false;

    if (rc)
        return err_set(why, EXIT_USAGE,
                       "no IPv4 address, and no host name that rank 0's machine can resolve: %s",
                       rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    for (const struct addrinfo *i = all; i && !found; i = i->ai_next)
        found = take_address(i, address);
    freeaddrinfo(all);
    if (found)
        return 0;
    /* Debian's /etc/hosts gives a machine's own name 127.0.1.1 */
    return err_set(why, EXIT_USAGE,
                   "rank 0's machine resolves this name to loopback (see /etc/hosts), where no "
                   "other machine is; use the address");
}
