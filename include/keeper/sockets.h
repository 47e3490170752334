/* sockets: the TCP sockets of this machine as /proc/net/tcp and tcp6 show them, and which process
 * holds one. Knows nothing of the job.
 */
#ifndef KEEPER_SOCKETS_H
#define KEEPER_SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* linux/net/tcp_states.h */
enum { SOCKET_ESTABLISHED = 0x01, SOCKET_CLOSE_WAIT = 0x08, SOCKET_LISTEN = 0x0a };

/* An IPv4 address, also one within IPv6, as inet_addr gives it; 0: all; UINT32_MAX: another one of
 * IPv6, which is never DGL's. */
struct socket_row {
    uint32_t address, peer;
    int port, peer_port;
    unsigned state, uid;
    unsigned
        retransmits; /* of the oldest bytes that are not acknowledged; not known of listeners */
    unsigned long inode;
    uint64_t moved; /* bytes sent and received so far; only by sockets_each_moving */
};

/* Calls take for each socket, those in LISTEN first in each of the two tables, until it returns
 * false; then the next table follows. */
void sockets_each(bool (*take)(void *arg, const struct socket_row *row), void *arg);

/* The same of those in LISTEN alone, where the kernel can be asked for them; else of all. On a
 * machine of 24 GB a reading of the two tables takes 7 ms, since the kernel goes through its whole
 * table of connections, even if that is empty; this takes 0.1 ms [measured]. */
void sockets_each_listening(bool (*take)(void *arg, const struct socket_row *row), void *arg);

/* The same of those that are connected, with the bytes that they have moved, where the kernel can
 * be asked; else of none. */
void sockets_each_moving(bool (*take)(void *arg, const struct socket_row *row), void *arg);

/* A set of sockets, by their inodes. All zero: empty. */
struct sockets {
    unsigned long *inodes;
    size_t n, capacity;
};

void sockets_add(struct sockets *sockets, unsigned long inode);

/* Adds the established ones whose other end is at ip and at one of the n ports from port on. */
void sockets_connected_to(struct sockets *sockets, struct in_addr ip, int port, int n);

/* Adds all that the process has open. */
void sockets_add_of(struct sockets *sockets, pid_t pid);

bool sockets_has(const struct sockets *sockets, unsigned long inode);

/* 1: pid has one of them open. 0: it has none, or has gone. -1: it may not be looked into. */
int sockets_held_by(const struct sockets *sockets, pid_t pid);

void sockets_free(struct sockets *sockets);

#endif
