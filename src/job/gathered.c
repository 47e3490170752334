/* gathered: from machines and their networks to the job's hosts. */
#include "job/gathered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/networks_text.h"

static int fail_counts(const struct job *job, size_t machines, struct err *err)
{
    size_t parts = (size_t)job->partconf.num_parts;
    const char *file = file_shown(job->options.part_config);

    if (machines < parts)
        return err_set(err, EXIT_USAGE,
                       "'%s' has %zu partition%s, but the ranks are on %zu machine%s; each machine "
                       "serves one partition: start on %zu machines, or partition the graph into "
                       "%zu",
                       file, parts, text_plural(parts), machines, text_plural(machines), parts,
                       machines);
    return err_set(err, EXIT_USAGE,
                   "'%s' has %zu partition%s, but the ranks are on %zu machines; partition the "
                   "graph into %zu, start on %zu machine%s, or give --spare: then %zu of them stay "
                   "idle",
                   file, parts, text_plural(parts), machines, machines, parts, text_plural(parts),
                   machines - parts);
}

/* Rank 0 leads the job, so that its machine cannot be one that stays idle. */
static int check_first(const struct machines *machines, size_t parts, struct err *err)
{
    for (size_t m = parts; m < machines->n; m++)
        if (!machines->ranks[m])
            return err_set(err, EXIT_USAGE,
                           "--machines leaves out %.64s, where rank 0 is; name it too, or have "
                           "mpirun start its first rank on another machine",
                           machines->sites[m]->host);
    return 0;
}

int gathered_order(struct job *job, struct machines *machines, struct err *err)
{
    const struct options *o = &job->options;
    size_t parts = (size_t)job->partconf.num_parts;

    if (o->machines && machines_order(machines, o->machines, o->spare, err))
        return -1;
    if (!parts || machines->n == parts)
        return 0;
    if (machines->n < parts || !o->spare)
        return fail_counts(job, machines->n, err);
    if (check_first(machines, parts, err))
        return -1;
    machines->n_spare = machines->n - parts;
    machines->n = parts;
    return 0;
}

/* A spare machine that is not in that network cannot take a place in it. */
static void take_spares(struct job *job, const struct networks *networks, int network)
{
    const struct machines *machines = networks->machines;

    for (size_t m = machines->n; m < machines->n + machines->n_spare; m++) {
        const struct link *link = networks_link_like(networks, network, machines->sites[m]);
        struct host host = {.line = (int)m + 1, .port = HOSTS_DEFAULT_PORT};

        if (!link)
            continue;
        hosts_set_address(&host, link->address);
        hosts_append(&job->spares, &host);
    }
}

int gathered_take(struct job *job, const struct networks *networks, const struct verdict *verdicts,
                  struct err *err)
{
    size_t n = networks->machines->n;
    struct hosts hosts = {.items = mem_calloc(n, sizeof(*hosts.items)), .n = n};
    struct buf why = {0};
    int chosen = networks_choose(networks, verdicts, &why, err);

    for (size_t m = 0; chosen >= 0 && m < n; m++) {
        hosts_set_address(&hosts.items[m], networks_link(networks, chosen, m)->address);
        hosts.items[m].line = (int)m + 1;
    }
    if (chosen >= 0)
        take_spares(job, networks, chosen);
    if (chosen >= 0)
        strv_addf(&job->notices, "%.*s", (int)why.len, why.data);
    buf_free(&why);
    if (chosen >= 0)
        return job_take_hosts(job, &hosts, err);
    hosts_free(&hosts);
    return -1;
}

int gathered_pretend(struct job *job, struct err *err)
{
    size_t n = job->partconf.num_parts ? (size_t)job->partconf.num_parts : 1;
    struct hosts hosts = {.items = mem_calloc(n, sizeof(*hosts.items)), .n = n};
    struct buf there = {0};
    struct site site;

    for (size_t m = 0; m < n; m++) {
        snprintf(hosts.items[m].ip, sizeof(hosts.items[m].ip), "{machine %u}",
                 (unsigned)m & UINT16_MAX);
        hosts.items[m].line = (int)m + 1;
    }
    site_look(&site);
    networks_add_site(&there, &site);
    strv_addf(&job->notices,
              "--dry_run meets no other machine: it cannot show which network --ip_config auto "
              "takes, in which order the machines come, and which ports are free. It shows %zu "
              "machine%s, %s, '{machine 0}' for the address of the first, and port %d. This "
              "machine has %.*s",
              n, text_plural(n),
              job->partconf.num_parts ? "as many as partitions"
                                      : "since without --part_config only the start tells how many",
              job->options.port > 0 ? job->options.port : HOSTS_DEFAULT_PORT, (int)there.len,
              there.data);
    buf_free(&there);
    job->finds_machines = job->finds_port = false;
    return job_take_hosts(job, &hosts, err);
}
