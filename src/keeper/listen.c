/* listen: sockets in LISTEN and their owners, and the peers of the connected ones. Knows ports and
 * pids, nothing of the job.
 */
#include "keeper/listen.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "base/procfs.h"
#include "keeper/proc.h"
#include "keeper/sockets.h"

/* Which sockets are looked for, and found. */
struct search {
    int port;
    uint32_t address; /* 0: any */
    bool strangers;   /* of other users alone */
    struct sockets found;
    unsigned uid; /* of the last one */
};

static bool take_listening(void *arg, const struct socket_row *row)
{
    struct search *search = arg;

    if (row->state != SOCKET_LISTEN)
        return false;
    if (row->port != search->port || (search->strangers && row->uid == geteuid()) ||
        (search->address && row->address && row->address != search->address))
        return true;
    search->uid = row->uid;
    sockets_add(&search->found, row->inode);
    return true;
}

/* Does top or a process below it hold one of these? Where one of them may not be looked into
 * (another user's, not dumpable), it is taken for the holder: better than to wait for ever. */
static bool held_by_tree(pid_t top, const struct sockets *sockets)
{
    struct procs below = {0};
    int seen = sockets_held_by(sockets, top);

    if (seen == 0)
        proc_below(top, &below);
    for (size_t i = 0; i < below.n && seen == 0; i++)
        seen = sockets_held_by(sockets, below.items[i].pid);
    procs_free(&below);
    return seen != 0;
}

static void probe(struct listen_server *server, int64_t now)
{
    struct search search = {.port = server->port};
    bool taken;

    if (server->port)
        sockets_each_listening(take_listening, &search);
    taken = search.found.n > 0;
    server->ready = !server->port || (taken && held_by_tree(server->pid, &search.found));
    if (!taken || server->ready)
        server->foreign = 0;
    else if (!server->foreign)
        server->foreign = now;
    sockets_free(&search.found);
}

size_t listen_probe(struct listen_server *servers, size_t n, int64_t now)
{
    size_t waiting = 0;

    for (size_t i = 0; i < n; i++) {
        if (!servers[i].ready)
            probe(&servers[i], now);
        waiting += !servers[i].ready;
    }
    return waiting;
}

struct holder {
    const struct sockets *sockets;
    int pid; /* 0: not found */
};

static bool is_holder(void *arg, pid_t pid)
{
    struct holder *holder = arg;

    if (sockets_held_by(holder->sockets, pid) == 1)
        holder->pid = (int)pid;
    return holder->pid;
}

bool listen_owner(const char *ip, int port, int *pid)
{
    struct search search = {.port = port, .address = inet_addr(ip)};
    struct holder holder = {&search.found, 0};
    bool taken;

    sockets_each_listening(take_listening, &search);
    taken = search.found.n > 0;
    if (taken)
        procfs_each(is_holder, &holder);
    *pid = holder.pid;
    sockets_free(&search.found);
    return taken;
}

struct peers {
    const int *ports;
    size_t n;
    void (*seen)(void *arg, int port, uint32_t address);
    void *arg;
};

/* In any other state this side has closed it, or an earlier job's server had. */
static bool take_peer(void *arg, const struct socket_row *row)
{
    const struct peers *peers = arg;
    bool connected = (row->state == SOCKET_ESTABLISHED || row->state == SOCKET_CLOSE_WAIT) &&
                     row->peer && row->peer != UINT32_MAX;

    for (size_t i = 0; connected && i < peers->n; i++) {
        if (peers->ports[i] == row->port)
            peers->seen(peers->arg, row->port, ntohl(row->peer));
    }
    return true;
}

void listen_peers(const int *ports, size_t n, void (*seen)(void *arg, int port, uint32_t address),
                  void *arg)
{
    sockets_each(take_peer, &(struct peers){ports, n, seen, arg});
}

bool listen_stranger(int port, pid_t top, unsigned *uid)
{
    struct search search = {.port = port, .strangers = true};
    bool found;

    sockets_each_listening(take_listening, &search);
    found = search.found.n > 0 && !held_by_tree(top, &search.found);
    *uid = search.uid;
    sockets_free(&search.found);
    return found;
}
