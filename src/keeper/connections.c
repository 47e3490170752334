/* connections: rows of /proc/net/tcp whose remote end is a server's port here, and the sockets
 * among a process's descriptors.
 */
#include "keeper/connections.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { ESTABLISHED = 1 }; /* linux/net/tcp_states.h */

static int by_number(const void *a, const void *b)
{
    const unsigned long *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* The address as the kernel prints it: the network's bytes as one number of this machine. Of an
 * IPv6 row that holds an IPv4 address the last 8 digits count. */
static bool is_to(const char *row, struct in_addr ip, int port, int n, unsigned long *inode)
{
    char address[33];
    unsigned remote, state;

    if (sscanf(row, " %*[0-9]: %*32[0-9A-Fa-f]:%*x %32[0-9A-Fa-f]:%x %x %*s %*s %*s %*s %*s %lu",
               address, &remote, &state, inode) != 4)
        return false;
    if (state != ESTABLISHED || (int)remote < port || (int)remote >= port + n)
        return false;
    return strtoul(strlen(address) == 32 ? address + 24 : address, NULL, 16) == ip.s_addr;
}

static void read_table(struct connections *connections, const char *path, struct in_addr ip,
                       int port, int n)
{
    FILE *file = fopen(path, "re");
    unsigned long inode;
    char row[512];

    while (file && fgets(row, sizeof(row), file)) {
        if (!is_to(row, ip, port, n, &inode))
            continue;
        connections->inodes =
            mem_realloc(connections->inodes, connections->n + 1, sizeof(*connections->inodes));
        connections->inodes[connections->n++] = inode;
    }
    if (file)
        fclose(file);
}

void connections_read(struct connections *connections, struct in_addr ip, int port, int n)
{
    *connections = (struct connections){0};
    read_table(connections, "/proc/self/net/tcp", ip, port, n);
    read_table(connections, "/proc/self/net/tcp6", ip, port, n);
    if (connections->n > 0)
        qsort(connections->inodes, connections->n, sizeof(*connections->inodes), by_number);
}

void connections_free(struct connections *connections)
{
    free(connections->inodes);
    *connections = (struct connections){0};
}

int connections_has(const struct connections *connections, pid_t pid)
{
    char path[64], target[64];
    struct dirent *entry;
    int found = 0;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    if (!folder)
        return -1;
    while (found == 0 && (entry = readdir(folder))) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        unsigned long inode;

        target[len > 0 ? len : 0] = '\0';
        if (connections->n > 0 && sscanf(target, "socket:[%lu]", &inode) == 1)
            found = bsearch(&inode, connections->inodes, connections->n, sizeof(inode), by_number)
                        ? 1
                        : 0;
    }
    closedir(folder);
    return found;
}
