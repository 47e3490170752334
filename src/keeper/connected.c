/* connected: whether all clients have come to this machine's servers in time. Nobody is asked: each
 * machine looks at its own servers, so that a client that is missing is found at each server that
 * it has not come to.
 */
#include "keeper/connected.h"

#include <arpa/inet.h>
#include <stdbool.h>

#include "base/clock.h"
#include "job/dgl.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"

enum {
    FIRST_MS = 500,  /* between two looks; each pause is twice as long as the one before */
    LAST_MS = 2000,  /* no client stays for less: a server answers 3 s after all have come
                        (rpc_server.py start_server) */
    LATE_MS = 20000, /* behind the limit, where nobody can say that a client is lacking */
    AGAIN_MS = 250   /* to the look that must agree with the one before it */
};

int connected_machines(struct machine *m, struct unpack *payload)
{
    uint32_t n = unpack_count(payload, sizeof(uint32_t));

    if (payload->bad || !m->slice || m->connected.clients.n_machines > 0)
        return -1;
    for (uint32_t i = 0; i < n; i++)
        clients_add_machine(&m->connected.clients, unpack_u32(payload));
    return payload->bad || payload->left ? -1 : 0;
}

/* The child that is the server at this place among the servers. */
static int server_at(const struct machine *m, size_t place)
{
    for (int i = 0; i < m->n; i++) {
        if (state_is_server(&m->children[i]) && place-- == 0)
            return i;
    }
    return -1;
}

static void await(struct machine *m, int64_t now, int64_t pause)
{
    int64_t next = now + pause;

    if (now < m->connected.ends && next > m->connected.ends)
        next = m->connected.ends;
    m->timers[TIMER_CLIENTS] = next;
}

void connected_begin(struct machine *m)
{
    struct connected *own = &m->connected;
    int64_t now = clock_ms();

    if (m->slice->connect_timeout_ms == 0 || m->n_servers == 0)
        return;
    own->clients.own = inet_addr(m->slice->ip);
    for (int i = 0; i < m->n; i++) {
        const struct process_plan *plan = m->children[i].plan;

        if (plan->role == ROLE_SERVER)
            clients_add_server(&own->clients, plan->port, dgl_env_clients(&plan->env));
    }
    own->ends = now + m->slice->connect_timeout_ms;
    own->lacks = -1;
    own->pause = FIRST_MS;
    await(m, now, own->pause);
}

/* The first server that lacks a client; -1: none. One that has left is leaving.c's. */
static int lacking(const struct machine *m)
{
    const struct clients *clients = &m->connected.clients;

    for (size_t k = 0; k < clients->n_servers; k++) {
        if (clients_lacks(&clients->servers[k]) && m->children[server_at(m, k)].running)
            return (int)k;
    }
    return -1;
}

static void overdue(struct machine *m, int place)
{
    const struct clients *clients = &m->connected.clients;
    const struct clients_server *server = &clients->servers[place];
    int i = server_at(m, (size_t)place);
    struct buf text = {0};

    buf_addf(&text, "server %d (port %d) has %d of %d clients after %g s", m->children[i].plan->id,
             server->port, server->known, server->expected,
             (double)m->slice->connect_timeout_ms / 1000);
    clients_tell(clients, server, &text);
    buf_add(&text, "", 1);
    failure_raise(m, evidence_cause(m, i, HOW_CONNECT_TIMEOUT, 0, EXIT_START_TIME, text.data));
    buf_free(&text);
}

static int64_t longer(int64_t pause, int64_t most)
{
    return pause * 2 < most ? pause * 2 : most;
}

void connected_look(struct machine *m)
{
    struct connected *own = &m->connected;
    int before = own->lacks;
    int64_t now = clock_ms();

    clients_look(&own->clients);
    if (clients_complete(&own->clients))
        return;
    own->lacks = now >= own->ends ? lacking(m) : -1;
    if (own->lacks < 0) {
        own->pause = longer(own->pause, now < own->ends ? LAST_MS : LATE_MS);
        await(m, now, own->pause);
    } else if (own->lacks == before) {
        overdue(m, own->lacks);
    } else {
        await(m, now, AGAIN_MS);
    }
}
