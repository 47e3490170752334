/* foreign: connections to this machine's servers that come from no machine of the job. DGL's server
 * accepts exactly as many connections as there are clients (src/rpc/network/socket_communicator.cc
 * SocketReceiver::Wait) and does not ask whose they are: a port scanner takes a trainer's place,
 * and DGL waits for ever. The launcher looks without connecting; rank 0 says it.
 */
#include "coord/foreign.h"

#include <stdlib.h>

#include "base/mem.h"
#include "coord/messages.h"
#include "coord/tell.h"
#include "keeper/listen.h"
#include "wire/pack.h"

enum {
    FIRST_PAUSE_MS = 500,
    LAST_PAUSE_MS = 60000,
    LOOPBACK = 127 /* the first byte of its addresses */
};

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void know_hosts(struct foreign *f, const struct hosts *hosts)
{
    f->n_hosts = hosts->n;
    f->hosts = mem_calloc(hosts->n + 1, sizeof(*f->hosts));
    for (size_t i = 0; i < hosts->n; i++)
        f->hosts[i] = hosts->items[i].address;
    qsort(f->hosts, f->n_hosts, sizeof(*f->hosts), compare);
}

static bool is_known(const struct foreign *f, uint32_t address)
{
    if (address >> 24 == LOOPBACK ||
        bsearch(&address, f->hosts, f->n_hosts, sizeof(address), compare))
        return true;
    for (int i = 0; i < f->n_told; i++)
        if (f->told[i] == address)
            return true;
    return f->n_told == FOREIGN_MOST;
}

/* Rank 0 knows all addresses of all machines, and warns if this is none of them. */
static void on_peer(void *arg, int port, uint32_t address)
{
    struct coord *c = arg;
    struct foreign *f = &c->foreign;
    struct buf data = {0};

    if (is_known(f, address))
        return;
    f->told[f->n_told++] = address;
    pack_u32(&data, address);
    pack_u32(&data, (uint32_t)port);
    if (c->root)
        coord_on_for_root(c, 0, MESSAGE_FOREIGN, &data);
    else
        coord_tell_root(c, MESSAGE_FOREIGN, &data);
    buf_free(&data);
}

static size_t ports_of(const struct slice *slice, int *ports)
{
    size_t n = 0;

    for (int i = 0; i < slice->n_processes; i++)
        if (slice->processes[i].role == ROLE_SERVER)
            ports[n++] = slice->processes[i].port;
    return n;
}

void coord_look_for_foreign(struct coord *c, int64_t now)
{
    struct foreign *f = &c->foreign;
    bool may_listen = c->run.gate == STAGE_TRAINERS || c->run.gate == STAGE_DRAIN;
    int *ports;
    size_t n;

    if (!may_listen || !c->run.slice || ends_stops(c->run.ends) || now < f->next)
        return;
    if (!f->hosts)
        know_hosts(f, &c->setup->meeting->announce.hosts);
    f->pause = f->next ? f->pause * 2 : FIRST_PAUSE_MS;
    f->pause = f->pause < LAST_PAUSE_MS ? f->pause : LAST_PAUSE_MS;
    f->next = now + f->pause;
    ports = mem_calloc((size_t)c->run.slice->n_processes + 1, sizeof(*ports));
    n = ports_of(c->run.slice, ports);
    if (n)
        listen_peers(ports, n, on_peer, c);
    free(ports);
}

void coord_tell_machines(struct coord *c)
{
    const struct hosts *hosts = &c->setup->meeting->announce.hosts;
    struct buf data = {0};

    pack_u32(&data, (uint32_t)hosts->n);
    for (size_t i = 0; i < hosts->n; i++)
        pack_u32(&data, hosts->items[i].address);
    keeper_link_send(&c->keeper, MESSAGE_MACHINES, data.data, data.len);
    buf_free(&data);
}
