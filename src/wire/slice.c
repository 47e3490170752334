/* slice: a machine's part of the plan <-> bytes. The decoder refuses missing texts, environment
 * entries without '=' and numbers out of range.
 */
#include "wire/slice.h"

#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "wire/field.h"
#include "wire/message.h"

enum { PROCESS_MIN_SIZE = 36 }; /* bytes of a packed process with an empty environment */

#define NUMBER(member, min, max) FIELD_OF(FIELD_NUMBER, struct slice, member, min, max)
#define TEXT(kind, member)       FIELD_OF(kind, struct slice, member, 0, 0)
#define OF_PROCESS(member, max)  FIELD_OF(FIELD_NUMBER, struct process_plan, member, 0, max)

static const struct field slice_fields[] = {
    NUMBER(machine, 0, INT_MAX),
    NUMBER(machines, 1, INT_MAX),
    NUMBER(port, 0, UINT16_MAX),
    NUMBER(cpus, 0, INT_MAX),
    NUMBER(log_required, 0, 1),
    NUMBER(log_size, 0, INT64_MAX),
    NUMBER(attempt, 0, INT_MAX),
    NUMBER(watch_samplers, 0, INT_MAX),
    NUMBER(python_hook, 0, 1),
    NUMBER(preempt_signal, 0, NSIG - 1),
    NUMBER(private_shm, PRIVATE_SHM_OFF, PRIVATE_SHM_ON),
    NUMBER(shm_size, 0, INT64_MAX),
    NUMBER(start_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(connect_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(exit_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(kill_grace_ms, 0, FIELD_LARGEST),
    NUMBER(lost_timeout_ms, 0, FIELD_LARGEST),
    TEXT(FIELD_TEXT, job_id),
    TEXT(FIELD_TEXT, host),
    TEXT(FIELD_TEXT, ip),
    TEXT(FIELD_TEXT, workspace),
    TEXT(FIELD_TEXT, ip_config),
    TEXT(FIELD_OPTIONAL, part_config),
    TEXT(FIELD_STRV, part_files),
    TEXT(FIELD_OPTIONAL, command),
    TEXT(FIELD_STRV, argv),
    TEXT(FIELD_OPTIONAL, sampler_command),
    TEXT(FIELD_ENV, set),
    TEXT(FIELD_ENV, defaults),
    TEXT(FIELD_OPTIONAL, log_dir),
};

static const struct field process_fields[] = {
    OF_PROCESS(role, ROLE_TRAINER),
    OF_PROCESS(id, INT_MAX),
    OF_PROCESS(local, INT_MAX),
    OF_PROCESS(port, UINT16_MAX),
    FIELD_OF(FIELD_ENV, struct process_plan, env, 0, 0),
};

void message_pack_slice(struct buf *out, const struct slice *slice)
{
    FIELD_PACK(out, slice, slice_fields);
    pack_u32(out, (uint32_t)slice->n_processes);
    for (int i = 0; i < slice->n_processes; i++)
        FIELD_PACK(out, &slice->processes[i], process_fields);
}

static void unpack_processes(struct unpack *u, struct slice *slice)
{
    uint32_t n = unpack_count(u, PROCESS_MIN_SIZE);

    slice->processes = mem_calloc(n, sizeof(*slice->processes));
    while (slice->n_processes < (int)n && !u->bad) {
        struct process_plan *process = &slice->processes[slice->n_processes++];

        FIELD_UNPACK(u, process, process_fields);
        u->bad |= process->role == ROLE_SAMPLER && !slice->sampler_command;
    }
}

struct slice *message_unpack_slice(const char *data, size_t len)
{
    struct unpack u = {.at = data, .left = len, .bad = len > MESSAGE_MAX};
    struct slice *slice = mem_calloc(1, sizeof(*slice));

    FIELD_UNPACK(&u, slice, slice_fields);
    unpack_processes(&u, slice);
    if (!u.bad && !u.left && slice->machine < slice->machines && (slice->command || slice->argv.n))
        return slice;
    slice_free(slice);
    return NULL;
}
