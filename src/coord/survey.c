/* survey: rank 0 asks in steps, and all answer: a broadcast, and a collect up the tree. It has an
 * end of its own, so that a failure on rank 0 leaves nobody in a collective.
 */
#include "coord/survey.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "coord/probe.h"
#include "job/gathered.h"
#include "wire/pack.h"

enum step { STEP_END, STEP_NETWORKS, STEP_PORTS };
enum { PORT_TRIES = 32 };

/* The answer to a step. Travels as bytes. */
struct reply {
    struct verdict verdict;
    int32_t next_base; /* 0: there is none; as asked: it is held */
};

struct survey {
    struct peers *peers;
    struct site site; /* this machine's */
    struct probe probe;
    struct ports *ports;
    /* rank 0 alone */
    struct site *sites;
    struct machines machines;
    struct reply *replies; /* by rank */
};

enum survey_of survey_wanted(const struct job *job)
{
    return job->finds_machines ? SURVEY_NETWORKS : job->finds_port ? SURVEY_PORTS : SURVEY_NONE;
}

/* ---- all ranks answer ---- */

static struct probe_target read_target(struct unpack *u, int network)
{
    struct probe_target target = {.network = network};

    target.to = unpack_u32(u);
    target.port = (int)(unpack_u32(u) & UINT16_MAX);
    return target;
}

/* u: u32 networks, u32 machines, and for each machine its rank and an address and port a network.
 * Only the lowest rank of each machine tries. */
static void try_networks(const struct survey *s, struct unpack *u, struct verdict *verdict)
{
    size_t k = unpack_u32(u), n = unpack_count(u, 4), own = n, count = 0;
    struct probe_target *table, *targets;
    size_t machines[NETWORKS_TARGETS];

    if (u->bad || k > NETWORKS_MAX)
        return;
    table = mem_calloc(n * k + 1, sizeof(*table));
    targets = mem_calloc(k * NETWORKS_TARGETS + 1, sizeof(*targets));
    for (size_t m = 0; m < n; m++) {
        if (unpack_u32(u) == (uint32_t)s->peers->rank)
            own = m;
        for (size_t i = 0; i < k; i++)
            table[m * k + i] = read_target(u, (int)i);
    }
    for (int t = own < n && !u->bad ? networks_targets(n, own, machines) : 0; t-- > 0;) {
        for (size_t i = 0; i < k; i++) {
            targets[count] = table[machines[t] * k + i];
            targets[count].machine = (int)machines[t];
            targets[count++].from = table[own * k + i].to;
        }
    }
    probe_reach(targets, count, verdict);
    free(targets);
    free(table);
}

/* u: u32 base, u32 ports, u32 machines, and their ranks. */
static int32_t try_ports(const struct survey *s, struct unpack *u)
{
    uint32_t base = unpack_u32(u), n = unpack_u32(u), count = unpack_count(u, 4);
    bool speaks = false;

    for (uint32_t i = 0; i < count; i++)
        speaks |= unpack_u32(u) == (uint32_t)s->peers->rank;
    u->bad |= base > UINT16_MAX || n > UINT16_MAX;
    if (!speaks || u->bad || ports_take(s->ports, (int)base, (int)n))
        return (int32_t)base;
    return ports_next(s->ports, (int)base, (int)n);
}

static enum step do_step(const struct survey *s, const struct buf *bytes, struct reply *reply)
{
    struct unpack u = {.at = bytes->data, .left = bytes->len};
    enum step step = (enum step)unpack_u32(&u);

    *reply = (struct reply){0};
    if (step == STEP_NETWORKS)
        try_networks(s, &u, &reply->verdict);
    else if (step == STEP_PORTS)
        reply->next_base = try_ports(s, &u);
    return step;
}

static int follow(const struct survey *s, struct err *err)
{
    for (;;) {
        struct buf step = {0};
        struct reply reply;
        int rc = peers_broadcast(s->peers, &step, err);
        bool ends = rc || do_step(s, &step, &reply) == STEP_END;

        buf_free(&step);
        if (ends)
            return rc;
        if (peers_collect(s->peers, &reply, sizeof(reply), NULL, err))
            return -1;
    }
}

/* ---- rank 0 asks ---- */

static int ask(struct survey *s, struct buf *step, struct err *err)
{
    struct reply own;
    int rc = peers_broadcast(s->peers, step, err);

    if (!rc && do_step(s, step, &own) != STEP_END)
        rc = peers_collect(s->peers, &own, sizeof(own), s->replies, err);
    buf_free(step);
    return rc;
}

static void pack_networks(struct buf *step, const struct networks *networks)
{
    const struct machines *machines = networks->machines;

    pack_u32(step, STEP_NETWORKS);
    pack_u32(step, (uint32_t)networks->n);
    pack_u32(step, (uint32_t)machines->n);
    for (size_t m = 0; m < machines->n; m++) {
        pack_u32(step, (uint32_t)machines->ranks[m]);
        for (int i = 0; i < networks->n; i++) {
            pack_u32(step, networks_link(networks, i, m)->address);
            pack_u32(step, networks_link(networks, i, m)->port);
        }
    }
}

/* Lets the machines try the networks. *verdicts: one a machine; NULL: there is a single one. The
 * caller frees. */
static int try_all(struct survey *s, const struct networks *networks, struct verdict **verdicts,
                   struct err *err)
{
    size_t n = s->machines.n;
    struct buf step = {0};

    *verdicts = NULL;
    if (n == 1)
        return 0;
    pack_networks(&step, networks);
    if (ask(s, &step, err))
        return -1;
    *verdicts = mem_calloc(n, sizeof(**verdicts));
    for (size_t m = 0; m < n; m++)
        (*verdicts)[m] = s->replies[s->machines.ranks[m]].verdict;
    return 0;
}

static int find_network(struct survey *s, struct job *job, struct err *err)
{
    struct verdict *verdicts = NULL;
    struct networks networks;
    int rc;

    if (gathered_order(job, &s->machines, err))
        return -1;
    rc = networks_find(&networks, &s->machines, &job->wanted, err);
    if (!rc)
        rc = try_all(s, &networks, &verdicts, err);
    if (!rc)
        rc = gathered_take(job, &networks, verdicts, err);
    networks_free(&networks);
    free(verdicts);
    return rc;
}

static void pack_ports(struct buf *step, const struct survey *s, int base, int n)
{
    pack_u32(step, STEP_PORTS);
    pack_u32(step, (uint32_t)base);
    pack_u32(step, (uint32_t)n);
    pack_u32(step, (uint32_t)s->machines.n);
    for (size_t m = 0; m < s->machines.n; m++)
        pack_u32(step, (uint32_t)s->machines.ranks[m]);
}

/* The greatest of the machines' answers; 0: machine *which has none. */
static int greatest(const struct survey *s, size_t *which)
{
    int base = 0;

    for (size_t m = 0; m < s->machines.n; m++) {
        int next = s->replies[s->machines.ranks[m]].next_base;

        *which = m;
        if (next <= 0)
            return 0;
        if (next > base)
            base = next;
    }
    return base;
}

enum { CLIENTS_FROM = 32768 }; /* ports that Linux gives to clients, if nobody has changed that */

/* Two jobs that have met go on from different ports. */
static int apart(int base, int tries, int n)
{
    uint16_t chance = 0;

    if (!tries || getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
        return base;
    base += chance % (4 * tries) * n;
    return base + n <= CLIENTS_FROM ? base : HOSTS_DEFAULT_PORT + chance % n;
}

static int find_ports(struct survey *s, struct job *job, struct err *err)
{
    int n = job->options.num_servers, base = HOSTS_DEFAULT_PORT;
    size_t which = 0;

    for (int tries = 0; tries < PORT_TRIES; tries++) {
        struct buf step = {0};
        int asked = base;

        pack_ports(&step, s, asked, n);
        if (ask(s, &step, err))
            return -1;
        base = greatest(s, &which);
        if (base == asked)
            return job_use_port(job, base, err);
        if (!base)
            return err_set(err, EXIT_MACHINE,
                           "%.64s has no %d free ports in a row from %d on; name others by --port",
                           s->machines.sites[which]->host, n, asked);
        base = apart(base, tries, n);
    }
    return err_set(err, EXIT_MACHINE,
                   "no %d ports in a row were free on all machines in %d tries: do other jobs "
                   "start at the same time? --port names others",
                   n, PORT_TRIES);
}

static int lead(struct survey *s, enum survey_of of, struct job *job, struct err *err)
{
    struct err unheard = {0};
    struct buf step = {0};
    int rc = 0;

    if (of == SURVEY_NETWORKS)
        rc = find_network(s, job, err);
    if (!rc && job->finds_port)
        rc = find_ports(s, job, err);
    pack_u32(&step, STEP_END);
    if (ask(s, &step, rc ? &unheard : err))
        rc = -1;
    if (!rc)
        job->finds_machines = job->finds_port = false;
    return rc;
}

/* ---- both ---- */

int survey_hold(struct peers *peers, enum survey_of of, struct job *job, struct ports *ports,
                struct err *err)
{
    struct survey s = {.peers = peers, .ports = ports};
    size_t n = (size_t)peers->size;
    bool probes = of == SURVEY_NETWORKS && n > 1;
    int rc;

    site_look(&s.site);
    if (probes)
        probe_open(&s.probe, &s.site);
    if (job)
        s.sites = mem_calloc(n, sizeof(*s.sites));
    rc = peers_collect(peers, &s.site, sizeof(s.site), s.sites, err);
    if (!rc && job && s.sites) {
        s.replies = mem_calloc(n, sizeof(*s.replies));
        for (size_t r = 0; r < n; r++)
            site_tidy(&s.sites[r]);
        machines_find(&s.machines, s.sites, n);
        rc = lead(&s, of, job, err);
    } else if (!rc) {
        rc = follow(&s, err);
    }
    if (probes)
        probe_close(&s.probe);
    machines_free(&s.machines);
    free(s.replies);
    free(s.sites);
    return rc;
}
