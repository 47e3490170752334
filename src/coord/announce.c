/* announce: what rank 0 tells all ranks first. Knows bytes, no MPI. */
#include "coord/announce.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "wire/pack.h"

static void copy_hosts(struct hosts *to, const struct hosts *from)
{
    if (!from->n) /* memcpy takes no NULL */
        return;
    to->items = mem_calloc(from->n, sizeof(*to->items));
    to->n = from->n;
    memcpy(to->items, from->items, from->n * sizeof(*to->items));
}

static int level_of(const struct options *options)
{
    return options->quiet ? LOG_QUIET : options->verbose ? LOG_VERBOSE : LOG_NORMAL;
}

void announce_make(struct announce *a, const struct job *job)
{
    *a = (struct announce){.log_level = level_of(&job->options),
                           .preempt_signal = job->options.preempt_signal,
                           .lost_timeout_ms = job->options.lost_timeout_ms,
                           .has_servers = job->options.num_servers,
                           .survey = survey_wanted(job)};
    a->key = secret_draw();
    if (!a->key)
        a->key = (uint64_t)(uintptr_t)a; /* still of this process; the user is checked as well */
    a->doorbell_key = secret_draw();
    if (a->survey)
        return;
    copy_hosts(&a->hosts, &job->hosts);
    if (job->options.max_restarts)
        copy_hosts(&a->spares, &job->spares);
    if (!job->writes_ip_config)
        buf_add(&a->ip_config, job->ip_config.data, job->ip_config.len);
    buf_add(&a->part_config, job->part_config.data, job->part_config.len);
}

static void pack_bytes(struct buf *out, const struct buf *bytes)
{
    pack_u32(out, (uint32_t)bytes->len);
    buf_add(out, bytes->data, bytes->len);
}

static void pack_hosts(struct buf *out, const struct hosts *hosts)
{
    pack_u32(out, (uint32_t)hosts->n);
    for (size_t i = 0; i < hosts->n; i++) {
        pack_u32(out, hosts->items[i].address);
        pack_u32(out, (uint32_t)hosts->items[i].port);
    }
}

void announce_pack(struct buf *out, const struct announce *a)
{
    pack_u32(out, (uint32_t)a->log_level);
    pack_i64(out, (int64_t)a->key);
    pack_i64(out, (int64_t)a->doorbell_key);
    pack_u32(out, (uint32_t)a->preempt_signal);
    pack_i64(out, a->lost_timeout_ms);
    pack_u32(out, a->has_servers);
    pack_u32(out, a->survey);
    pack_hosts(out, &a->hosts);
    pack_hosts(out, &a->spares);
    pack_bytes(out, &a->ip_config);
    pack_bytes(out, &a->part_config);
}

static void unpack_host(struct unpack *u, struct host *host, int line)
{
    uint32_t address = unpack_u32(u), port = unpack_u32(u);

    host->address = address;
    host->port = (int)port;
    u->bad |= port < 1 || port > UINT16_MAX;
    host->line = line;
    snprintf(host->ip, sizeof(host->ip), "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
}

static void unpack_hosts(struct unpack *u, struct hosts *hosts)
{
    uint32_t n = unpack_count(u, 8);

    hosts->items = mem_calloc(n, sizeof(*hosts->items));
    hosts->n = n;
    for (uint32_t i = 0; i < n; i++)
        unpack_host(u, &hosts->items[i], (int)i + 1);
}

static void unpack_bytes(struct unpack *u, struct buf *bytes)
{
    uint32_t len = unpack_count(u, 1);

    if (!len)
        return; /* u->at may be NULL */
    buf_add(bytes, u->at, len);
    u->at += len;
    u->left -= len;
}

/* What decides how a rank goes on. */
static bool is_in_range(const struct announce *a)
{
    return a->log_level >= LOG_QUIET && a->log_level <= LOG_VERBOSE && a->preempt_signal >= 0 &&
           a->preempt_signal < NSIG && a->lost_timeout_ms >= 0 && a->hosts.n <= HOSTS_MAX &&
           a->spares.n <= HOSTS_MAX;
}

int announce_unpack(struct announce *a, const struct buf *data, struct err *err)
{
    struct unpack u = {.at = data->data, .left = data->len};
    uint32_t has_servers;

    *a = (struct announce){0};
    a->log_level = (int)unpack_u32(&u);
    a->key = (uint64_t)unpack_i64(&u);
    a->doorbell_key = (uint64_t)unpack_i64(&u);
    a->preempt_signal = (int)unpack_u32(&u);
    a->lost_timeout_ms = unpack_i64(&u);
    has_servers = unpack_u32(&u);
    a->has_servers = has_servers;
    u.bad |= has_servers > 1;
    a->survey = (enum survey_of)unpack_u32(&u);
    u.bad |= a->survey > SURVEY_NETWORKS;
    unpack_hosts(&u, &a->hosts);
    unpack_hosts(&u, &a->spares);
    unpack_bytes(&u, &a->ip_config);
    unpack_bytes(&u, &a->part_config);
    if (!u.bad && !u.left && is_in_range(a))
        return 0;
    announce_free(a);
    return err_set(err, EXIT_LAUNCHER,
                   "rank 0 sent something else than expected; is another version of dgl-mpilaunch "
                   "installed on its machine?");
}

void announce_free(struct announce *a)
{
    hosts_free(&a->hosts);
    hosts_free(&a->spares);
    buf_free(&a->ip_config);
    buf_free(&a->part_config);
    *a = (struct announce){0};
}
