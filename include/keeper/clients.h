/* clients: how many connections the servers of one machine have, from which addresses, and which
 * wait to be accepted; all seen without ever connecting. A DGL server accepts exactly as many
 * connections as there are clients, whoever makes them; each client makes one to each server and
 * keeps it until it ends, and the server keeps its end for longer. Knows addresses and ports,
 * nothing of processes.
 */
#ifndef KEEPER_CLIENTS_H
#define KEEPER_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "keeper/sockets.h"

/* One connection. */
struct client {
    int port;         /* the server's */
    uint32_t address; /* whence, in host byte order */
    int peer_port;
    bool accepted; /* it was, at some look; else it waits in the server's queue */
};

/* One server. */
struct clients_server {
    int port;
    int expected;  /* clients of the whole job, which it accepts */
    bool full;     /* it was seen to have accepted so many, of whomever */
    bool complete; /* the same of the job's machines alone */
    int known;     /* accepted so far, of the job's machines */
    int waiting;   /* the same, not accepted when last looked at */
};

/* All zero: no server. */
struct clients {
    uint32_t own; /* the address at which the servers listen, as inet_addr gives it */
    struct clients_server *servers;
    uint32_t *machines; /* addresses of the job's machines in order, host byte order */
    struct client *list;
    size_t n_servers, n_machines, n_list;
    size_t servers_room, machines_room, list_room;
};

void clients_add_server(struct clients *c, int port, int expected);
void clients_add_machine(struct clients *c, uint32_t address);

/* Looks once. Whoever was seen to be accepted counts from then on. The kernel's table is no picture
 * of one moment: believe that a client is lacking when two looks agree. */
void clients_look(struct clients *c);

/* The parts of a look: forget who waited, take each socket, judge. */
void clients_begin(struct clients *c);
void clients_take(struct clients *c, const struct socket_row *row);
void clients_judge(struct clients *c);

/* Have all servers all their clients? It stays true. */
bool clients_complete(const struct clients *c);

/* Is a client of that server surely without a connection to it? An address that is none of the
 * machines' may still be one of theirs (a second network), so that a server that has accepted as
 * many as it will lacks one only if a machine of the job waits in its queue. */
bool clients_lacks(const struct clients_server *server);

/* Adds "; 10.0.0.2 has 1 of its 2, and 1 that the server has not accepted; 10.0.0.9, which is not
 * in ip_config, has taken 1". */
void clients_tell(const struct clients *c, const struct clients_server *server, struct buf *out);

void clients_free(struct clients *c);

#endif
