/* listen: who LISTENs on which port, seen without ever connecting: DGL's server accepts exactly
 * DGL_NUM_CLIENT connections (src/rpc/network/socket_communicator.cc SocketReceiver::Wait), and a
 * probe would take a trainer's place.
 */
#ifndef KEEPER_LISTEN_H
#define KEEPER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listen_server {
    int port;        /* 0: needs none and is ready */
    pid_t pid;       /* its socket, or a descendant's, counts */
    bool ready;      /* stays true once seen */
    int64_t foreign; /* since when another process LISTENs there instead; 0: none does */
};

/* Looks once, at all that are not ready; returns how many still are not. */
size_t listen_probe(struct listen_server *servers, size_t n, int64_t now);

/* Does anybody LISTEN on that port, on ip or on all addresses? DGL binds to the address in
 * ip_config, so that a listener on another address is in nobody's way. *pid: who it is; 0 where
 * that cannot be seen. */
bool listen_owner(const char *ip, int port, int *pid);

/* Calls seen for each IPv4 connection to one of these n ports of this machine, with the peer's
 * address in host byte order; the same address may come often. */
void listen_peers(const int *ports, size_t n, void (*seen)(void *arg, int port, uint32_t address),
                  void *arg);

/* Does another user's process LISTEN on that port, one that is neither top nor below it? It may
 * still be the job's own: a container's processes are not below whoever started it. Where a process
 * below top may not be looked into, that one is taken for the listener. *uid: the other user. */
bool listen_stranger(int port, pid_t top, unsigned *uid);

#endif
