/* sockets: rows of /proc/net/tcp and tcp6, and the sockets among a process's descriptors. */
#include "keeper/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/procfs.h"

/* The kernel prints the network's bytes as numbers of this machine, 8 hex digits each: one of IPv4,
 * four of IPv6, of which the last is the IPv4 address if the third says so. */
static uint32_t address_of(const char *digits)
{
    static const char mapped[] = "0000000000000000FFFF0000", any[] = "000000000000000000000000";

    if (strlen(digits) == 8)
        return (uint32_t)strtoul(digits, NULL, 16);
    if (strncasecmp(digits, mapped, sizeof(mapped) - 1) == 0)
        return (uint32_t)strtoul(digits + sizeof(mapped) - 1, NULL, 16);
    return strncmp(digits, any, sizeof(any) - 1) == 0 && strtoul(digits + 24, NULL, 16) == 0
               ? 0
               : UINT32_MAX;
}

static bool parse(const char *line, struct socket_row *row)
{
    char address[33], peer[33];
    unsigned port, peer_port;

    if (sscanf(line, " %*[0-9]: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %*s %*s %*s %u %*s %lu",
               address, &port, peer, &peer_port, &row->state, &row->uid, &row->inode) != 7)
        return false;
    row->address = address_of(address);
    row->peer = address_of(peer);
    row->port = (int)port;
    row->peer_port = (int)peer_port;
    return true;
}

void sockets_each(bool (*take)(void *arg, const struct socket_row *row), void *arg)
{
    static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        FILE *file = fopen(tables[i], "re");
        struct socket_row row;
        char line[512];

        while (file && fgets(line, sizeof(line), file)) {
            if (parse(line, &row) && !take(arg, &row)) /* the first line has names */
                break;
        }
        if (file)
            fclose(file);
    }
}

void sockets_add(struct sockets *sockets, unsigned long inode)
{
    sockets->inodes = mem_grow(sockets->inodes, sockets->n, &sockets->capacity, sizeof(inode));
    sockets->inodes[sockets->n++] = inode;
}

struct remote {
    struct sockets *sockets;
    struct in_addr ip;
    int port, n;
};

static bool take_connected(void *arg, const struct socket_row *row)
{
    const struct remote *remote = arg;

    if (row->state == SOCKET_ESTABLISHED && row->peer == remote->ip.s_addr &&
        row->peer_port >= remote->port && row->peer_port < remote->port + remote->n)
        sockets_add(remote->sockets, row->inode);
    return true;
}

void sockets_connected_to(struct sockets *sockets, struct in_addr ip, int port, int n)
{
    sockets_each(take_connected, &(struct remote){sockets, ip, port, n});
}

static bool is_one(void *arg, int fds, const char *name, const char *target)
{
    const struct sockets *sockets = arg;
    unsigned long inode;

    (void)fds;
    (void)name;
    if (sscanf(target, "socket:[%lu]", &inode) != 1)
        return false;
    for (size_t i = 0; i < sockets->n; i++) {
        if (sockets->inodes[i] == inode)
            return true;
    }
    return false;
}

int sockets_held_by(const struct sockets *sockets, pid_t pid)
{
    int found = procfs_each_fd(pid, is_one, (void *)sockets);

    return found < 0 && errno != EACCES && errno != EPERM ? 0 : found;
}

void sockets_free(struct sockets *sockets)
{
    free(sockets->inodes);
    *sockets = (struct sockets){0};
}
