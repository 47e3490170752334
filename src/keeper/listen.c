/* listen: sockets in LISTEN from /proc/net/tcp and tcp6, and their owners from /proc/PID/fd. Knows
 * ports and pids, nothing of the job.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/listen.h"
#include "keeper/proc.h"

/* linux/net/tcp_states.h */
enum { STATE_SYN_RECV = 0x03, STATE_TIME_WAIT = 0x06, STATE_LISTEN = 0x0a };

static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};

struct entry {
    uint32_t address; /* as inet_addr gives it; 0: all */
    int port;
    unsigned long inode;
    unsigned uid;
};

struct table {
    struct entry *items;
    size_t n, capacity;
};

static void table_add(struct table *table, const struct entry *entry)
{
    if (table->n == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        table->items = mem_realloc(table->items, table->capacity, sizeof(*table->items));
    }
    table->items[table->n++] = *entry;
}

/* A row's local address: 8 hex digits, or 32 of which the last 8 count (::, or IPv4 in IPv6; any
 * other IPv6 address is not what DGL would bind, and never equals an IPv4 one). */
static int parse_row(const char *row, struct entry *entry)
{
    char address[33];
    unsigned port, state;
    bool v6;

    if (sscanf(row, " %*[0-9]: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %u %*s %lu",
               address, &port, &state, &entry->uid, &entry->inode) != 5)
        return -1;
    if (state != STATE_LISTEN)
        return -1;
    v6 = strlen(address) == 32;
    entry->port = (int)port;
    entry->address = (uint32_t)strtoul(v6 ? address + 24 : address, NULL, 16);
    if (v6 && strncmp(address, "0000000000000000", 16) != 0)
        entry->address = UINT32_MAX;
    return 0;
}

/* Both files list LISTEN sockets first, so reading stops at the first other row. */
static void table_read(struct table *table)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        FILE *file = fopen(tables[i], "re");
        struct entry entry;
        char row[512];

        if (!file)
            continue;
        if (fgets(row, sizeof(row), file)) {
            while (fgets(row, sizeof(row), file) && parse_row(row, &entry) == 0)
                table_add(table, &entry);
        }
        fclose(file);
    }
}

/* 1: a descriptor of pid is one of the sockets of that port. 0: none. -1: not allowed to look. */
static int holds(pid_t pid, const struct table *table, int port)
{
    char path[64], target[64];
    struct dirent *entry;
    int found = 0;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    if (!folder)
        return errno == EACCES || errno == EPERM ? -1 : 0;
    while (!found && (entry = readdir(folder))) {
        unsigned long inode;
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

        target[len > 0 ? len : 0] = '\0';
        if (sscanf(target, "socket:[%lu]", &inode) != 1)
            continue;
        for (size_t i = 0; i < table->n && !found; i++)
            found = table->items[i].port == port && table->items[i].inode == inode;
    }
    closedir(folder);
    return found;
}

static bool in_table(const struct table *table, int port)
{
    for (size_t i = 0; i < table->n; i++) {
        if (table->items[i].port == port)
            return true;
    }
    return false;
}

/* Does top or a process below it hold a socket of that port? Where one of them may not be looked
 * into (another user's, not dumpable), it is taken for the holder: better than to wait for ever. */
static bool held_by_tree(pid_t top, const struct table *table, int port)
{
    struct procs below = {0};
    int seen = holds(top, table, port);

    if (seen == 0)
        proc_below(top, &below);
    for (size_t i = 0; i < below.n && seen == 0; i++)
        seen = holds(below.items[i].pid, table, port);
    procs_free(&below);
    return seen != 0;
}

static void probe(struct listen_server *server, const struct table *table, int64_t now)
{
    bool taken = in_table(table, server->port);

    server->ready = server->port == 0 || (taken && held_by_tree(server->pid, table, server->port));
    if (!taken || server->ready)
        server->foreign = 0;
    else if (server->foreign == 0)
        server->foreign = now;
}

size_t listen_probe(struct listen_server *servers, size_t n, int64_t now)
{
    struct table table = {0};
    size_t waiting = 0;

    table_read(&table);
    for (size_t i = 0; i < n; i++) {
        if (!servers[i].ready)
            probe(&servers[i], &table, now);
        waiting += !servers[i].ready;
    }
    free(table.items);
    return waiting;
}

static pid_t find_holder(const struct table *table, int port)
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (folder && found == 0 && (entry = readdir(folder))) {
        pid_t pid =
            isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;

        if (pid > 0 && holds(pid, table, port) == 1)
            found = pid;
    }
    if (folder)
        closedir(folder);
    return found;
}

bool listen_owner(const char *ip, int port, int *pid)
{
    struct table all = {0}, hits = {0};
    uint32_t address = inet_addr(ip);
    bool taken;

    table_read(&all);
    for (size_t i = 0; i < all.n; i++) {
        const struct entry *entry = &all.items[i];

        if (entry->port == port && (entry->address == 0 || entry->address == address))
            table_add(&hits, entry);
    }
    taken = hits.n > 0;
    *pid = taken ? (int)find_holder(&hits, port) : 0;
    free(all.items);
    free(hits.items);
    return taken;
}

/* A row's peer, in host byte order; 0: it is no connection, or not of IPv4. */
static uint32_t parse_peer(const char *row, int *port)
{
    char peer[33];
    unsigned local, state;
    bool v6;

    if (sscanf(row, " %*[0-9]: %*[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%*x %x", &local, peer, &state) != 3)
        return 0;
    if (state == STATE_LISTEN || state == STATE_TIME_WAIT || state == STATE_SYN_RECV)
        return 0;
    v6 = strlen(peer) == 32;
    if (v6 && strncasecmp(peer, "0000000000000000FFFF0000", 24) != 0)
        return 0;
    *port = (int)local;
    return ntohl((uint32_t)strtoul(v6 ? peer + 24 : peer, NULL, 16));
}

void listen_peers(const int *ports, size_t n, void (*seen)(void *arg, int port, uint32_t address),
                  void *arg)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        FILE *file = fopen(tables[i], "re");
        char row[512];

        while (file && fgets(row, sizeof(row), file)) {
            int port = 0;
            uint32_t address = parse_peer(row, &port);

            for (size_t k = 0; address != 0 && k < n; k++)
                if (ports[k] == port)
                    seen(arg, port, address);
        }
        if (file)
            fclose(file);
    }
}

bool listen_stranger(int port, pid_t top, unsigned *uid)
{
    struct table all = {0}, hits = {0};
    bool found;

    table_read(&all);
    for (size_t i = 0; i < all.n; i++) {
        if (all.items[i].port == port && all.items[i].uid != geteuid())
            table_add(&hits, &all.items[i]);
    }
    found = hits.n > 0 && !held_by_tree(top, &hits, port);
    if (found)
        *uid = hits.items[0].uid;
    free(all.items);
    free(hits.items);
    return found;
}
