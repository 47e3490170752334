/* clients: who is connected to the servers of a machine. In /proc/net/tcp a connection that nobody
 * has accepted has no inode, as no process has its descriptor; one that was accepted stays there
 * when its client has closed it, until the server closes it too.
 */
#include "keeper/clients.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/mem.h"

enum { LOOPBACK = 127, TELL_MOST = 4 };

void clients_add_server(struct clients *c, int port, int expected)
{
    c->servers = mem_grow(c->servers, c->n_servers, &c->servers_room, sizeof(*c->servers));
    c->servers[c->n_servers++] = (struct clients_server){.port = port, .expected = expected};
}

void clients_add_machine(struct clients *c, uint32_t address)
{
    c->machines = mem_grow(c->machines, c->n_machines, &c->machines_room, sizeof(address));
    c->machines[c->n_machines++] = address;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* ---- a look ---- */

void clients_begin(struct clients *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_list; i++) {
        if (c->list[i].accepted)
            c->list[n++] = c->list[i];
    }
    c->n_list = n;
}

/* What this side has closed is no client any more. */
void clients_take(struct clients *c, const struct socket_row *row)
{
    bool accepted = row->inode != 0;
    bool counts = row->state == SOCKET_ESTABLISHED || (row->state == SOCKET_CLOSE_WAIT && accepted);

    if (!counts || row->address != c->own || row->peer == UINT32_MAX)
        return;
    for (size_t i = 0; i < c->n_servers; i++) {
        if (c->servers[i].port != row->port)
            continue;
        c->list = mem_grow(c->list, c->n_list, &c->list_room, sizeof(*c->list));
        c->list[c->n_list++] =
            (struct client){row->port, ntohl(row->peer), row->peer_port, accepted};
    }
}

/* By server, then by address; of a connection that was read twice the accepted one first. */
static int compare(const void *a, const void *b)
{
    const struct client *x = a, *y = b;

    if (x->port != y->port)
        return x->port - y->port;
    if (x->address != y->address)
        return compare_numbers(&x->address, &y->address);
    if (x->peer_port != y->peer_port)
        return x->peer_port - y->peer_port;
    return (int)y->accepted - (int)x->accepted;
}

static bool is_same(const struct client *a, const struct client *b)
{
    return a->port == b->port && a->address == b->address && a->peer_port == b->peer_port;
}

/* Those that the last look found too; and the kernel shows some twice while others come and go. */
static void drop_twins(struct clients *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_list; i++) {
        if (n == 0 || !is_same(&c->list[n - 1], &c->list[i]))
            c->list[n++] = c->list[i];
    }
    c->n_list = n;
}

static bool is_of_the_job(const struct clients *c, uint32_t address)
{
    return address >> 24 == LOOPBACK ||
           bsearch(&address, c->machines, c->n_machines, sizeof(address), compare_numbers) != NULL;
}

static void judge_server(const struct clients *c, struct clients_server *server)
{
    int unknown = 0;

    server->known = server->waiting = 0;
    for (size_t i = 0; i < c->n_list; i++) {
        const struct client *client = &c->list[i];
        bool known = client->port == server->port && is_of_the_job(c, client->address);

        server->known += known && client->accepted;
        server->waiting += known && !client->accepted;
        unknown += client->port == server->port && !known && client->accepted;
    }
    server->full = server->full || server->known + unknown >= server->expected;
    server->complete = server->complete || server->known >= server->expected;
}

void clients_judge(struct clients *c)
{
    if (c->n_list > 0)
        qsort(c->list, c->n_list, sizeof(*c->list), compare);
    if (c->n_machines > 0)
        qsort(c->machines, c->n_machines, sizeof(*c->machines), compare_numbers);
    drop_twins(c);
    for (size_t i = 0; i < c->n_servers; i++)
        judge_server(c, &c->servers[i]);
}

static bool take(void *arg, const struct socket_row *row)
{
    clients_take(arg, row);
    return true;
}

void clients_look(struct clients *c)
{
    clients_begin(c);
    sockets_each(take, c);
    clients_judge(c);
}

/* ---- what follows ---- */

bool clients_complete(const struct clients *c)
{
    for (size_t i = 0; i < c->n_servers; i++) {
        if (!c->servers[i].complete)
            return false;
    }
    return true;
}

bool clients_lacks(const struct clients_server *server)
{
    return !server->complete && (!server->full || server->waiting > 0);
}

/* The place of the first connection that is not before this one. */
static size_t find(const struct clients *c, const struct client *wanted)
{
    size_t from = 0, to = c->n_list;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (compare(&c->list[middle], wanted) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Those of one address at one server. */
static int count(const struct clients *c, int port, uint32_t address, bool accepted)
{
    struct client first = {.port = port, .address = address, .accepted = true};
    int n = 0;

    for (size_t i = find(c, &first); i < c->n_list; i++) {
        if (c->list[i].port != port || c->list[i].address != address)
            break;
        n += c->list[i].accepted == accepted;
    }
    return n;
}

static void add_address(struct buf *out, uint32_t address)
{
    buf_addf(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
             address & 255);
}

static void tell_missing(const struct clients *c, const struct clients_server *server,
                         struct buf *out)
{
    int machines = (int)c->n_machines, n = 0;
    int each = machines && server->expected % machines == 0 ? server->expected / machines : 0;

    for (size_t i = 0; i < c->n_machines; i++) {
        uint32_t address = c->machines[i];
        int accepted = count(c, server->port, address, true);
        int waiting = count(c, server->port, address, false);

        if ((accepted >= each && waiting == 0) || n++ >= TELL_MOST)
            continue;
        buf_addf(out, "; ");
        add_address(out, address);
        buf_addf(out, " has %d", accepted);
        if (each)
            buf_addf(out, " of its %d", each);
        if (waiting)
            buf_addf(out, ", and %d that the server has not accepted", waiting);
    }
    if (n > TELL_MOST)
        buf_addf(out, "; the same of %d more machines", n - TELL_MOST);
}

static void tell_strangers(const struct clients *c, const struct clients_server *server,
                           struct buf *out)
{
    uint32_t last = 0;
    int n = 0;

    for (size_t i = 0; i < c->n_list; i++) {
        const struct client *client = &c->list[i];

        if (client->port != server->port || !client->accepted ||
            is_of_the_job(c, client->address) || client->address == last || n++ >= TELL_MOST)
            continue;
        last = client->address;
        buf_addf(out, "; ");
        add_address(out, last);
        buf_addf(out, ", which is not in ip_config, has taken %d",
                 count(c, server->port, last, true));
    }
}

void clients_tell(const struct clients *c, const struct clients_server *server, struct buf *out)
{
    tell_missing(c, server, out);
    tell_strangers(c, server, out);
}

void clients_free(struct clients *c)
{
    free(c->servers);
    free(c->machines);
    free(c->list);
    *c = (struct clients){0};
}
