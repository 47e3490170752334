/* slice: a machine's part of the plan <-> bytes. The decoder refuses missing texts, environment
 * entries without '=' and numbers out of range.
 */
#include "wire/slice.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/message.h"
#include "wire/pack.h"

enum { PROCESS_MIN_SIZE = 36 }; /* bytes of a packed process with an empty environment */

static void pack_process(struct buf *out, const struct process_plan *process)
{
    pack_i64(out, process->role);
    pack_i64(out, process->id);
    pack_i64(out, process->local);
    pack_i64(out, process->port);
    pack_strv(out, &process->env);
}

static void pack_names(struct buf *out, const struct slice *slice)
{
    pack_text(out, slice->job_id);
    pack_text(out, slice->host);
    pack_text(out, slice->ip);
    pack_text(out, slice->workspace);
    pack_text(out, slice->ip_config);
    pack_text(out, slice->part_config);
    pack_strv(out, &slice->part_files);
    pack_text(out, slice->command);
    pack_strv(out, &slice->argv);
    pack_text(out, slice->sampler_command);
    pack_strv(out, &slice->set);
    pack_strv(out, &slice->defaults);
    pack_text(out, slice->log_dir);
}

void message_pack_slice(struct buf *out, const struct slice *slice)
{
    pack_i64(out, slice->machine);
    pack_i64(out, slice->machines);
    pack_i64(out, slice->port);
    pack_i64(out, slice->cpus);
    pack_i64(out, slice->log_required);
    pack_i64(out, slice->log_size);
    pack_i64(out, slice->attempt);
    pack_i64(out, slice->watch_samplers);
    pack_i64(out, slice->python_hook);
    pack_i64(out, slice->preempt_signal);
    pack_i64(out, slice->private_shm);
    pack_i64(out, slice->shm_size);
    pack_i64(out, slice->start_timeout_ms);
    pack_i64(out, slice->exit_timeout_ms);
    pack_i64(out, slice->kill_grace_ms);
    pack_i64(out, slice->lost_timeout_ms);
    pack_names(out, slice);
    pack_u32(out, (uint32_t)slice->n_processes);
    for (int i = 0; i < slice->n_processes; i++)
        pack_process(out, &slice->processes[i]);
}

/* Appends NAME=VALUE entries to v. */
static void unpack_env(struct unpack *u, struct strv *v)
{
    unpack_strv(u, v);
    for (size_t i = 0; i < v->n; i++)
        if (!strchr(v->items[i], '=') || v->items[i][0] == '=')
            u->bad = true;
}

static void unpack_process(struct unpack *u, struct process_plan *process, bool samplers)
{
    process->role = (enum role)unpack_int(u, ROLE_SERVER, ROLE_TRAINER);
    u->bad |= process->role == ROLE_SAMPLER && !samplers;
    process->id = unpack_int(u, 0, INT_MAX);
    process->local = unpack_int(u, 0, INT_MAX);
    process->port = unpack_int(u, 0, UINT16_MAX);
    unpack_env(u, &process->env);
}

static void unpack_names(struct unpack *u, struct slice *slice)
{
    slice->job_id = unpack_needed_text(u);
    slice->host = unpack_needed_text(u);
    slice->ip = unpack_needed_text(u);
    slice->workspace = unpack_needed_text(u);
    slice->ip_config = unpack_needed_text(u);
    slice->part_config = unpack_text(u);
    unpack_strv(u, &slice->part_files);
    slice->command = unpack_text(u);
    unpack_strv(u, &slice->argv);
    slice->sampler_command = unpack_text(u);
    unpack_env(u, &slice->set);
    unpack_env(u, &slice->defaults);
    slice->log_dir = unpack_text(u);
}

static void unpack_processes(struct unpack *u, struct slice *slice)
{
    uint32_t n = unpack_count(u, PROCESS_MIN_SIZE);

    slice->processes = mem_calloc(n, sizeof(*slice->processes));
    for (slice->n_processes = 0; slice->n_processes < (int)n && !u->bad; slice->n_processes++)
        unpack_process(u, &slice->processes[slice->n_processes], slice->sampler_command != NULL);
}

struct slice *message_unpack_slice(const char *data, size_t len)
{
    struct unpack u = {.at = data, .left = len, .bad = len > MESSAGE_MAX};
    struct slice *slice = mem_calloc(1, sizeof(*slice));

    slice->machine = unpack_int(&u, 0, INT_MAX);
    slice->machines = unpack_int(&u, 1, INT_MAX);
    slice->port = unpack_int(&u, 0, UINT16_MAX);
    slice->cpus = unpack_int(&u, 0, INT_MAX);
    slice->log_required = unpack_int(&u, 0, 1);
    slice->log_size = unpack_range(&u, 0, INT64_MAX);
    slice->attempt = unpack_int(&u, 0, INT_MAX);
    slice->watch_samplers = unpack_int(&u, 0, INT_MAX);
    slice->python_hook = unpack_int(&u, 0, 1);
    slice->preempt_signal = unpack_int(&u, 0, NSIG - 1);
    slice->private_shm = unpack_int(&u, PRIVATE_SHM_OFF, PRIVATE_SHM_ON);
    slice->shm_size = unpack_range(&u, 0, INT64_MAX);
    slice->start_timeout_ms = unpack_range(&u, 0, PACK_LARGEST);
    slice->exit_timeout_ms = unpack_range(&u, 0, PACK_LARGEST);
    slice->kill_grace_ms = unpack_range(&u, 0, PACK_LARGEST);
    slice->lost_timeout_ms = unpack_range(&u, 0, PACK_LARGEST);
    unpack_names(&u, slice);
    unpack_processes(&u, slice);
    if (!u.bad && !u.left && slice->machine < slice->machines && (slice->command || slice->argv.n))
        return slice;
    slice_free(slice);
    return NULL;
}
