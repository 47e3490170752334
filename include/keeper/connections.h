/* connections: which processes are connected to the servers of this machine, seen in
 * /proc/net/tcp and /proc/PID/fd, without ever connecting. A process that is, is a client of DGL's:
 * a trainer or one of its samplers.
 */
#ifndef KEEPER_CONNECTIONS_H
#define KEEPER_CONNECTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct connections {
    unsigned long *inodes; /* of the clients' sockets, sorted */
    size_t n;
};

/* All established connections to n ports from port on at ip. Free with connections_free. */
void connections_read(struct connections *connections, struct in_addr ip, int port, int n);
void connections_free(struct connections *connections);

/* Has pid one of them open? -1: that cannot be seen (another user's, or it has gone). */
int connections_has(const struct connections *connections, pid_t pid);

#endif
