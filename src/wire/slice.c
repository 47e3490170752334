/* slice: a machine's part of the plan <-> bytes. The decoder refuses missing texts, environment
 * entries without '=' and numbers out of range.
 *
 * An environment travels as what differs from a model, which is the same for all machines: of the
 * thirty variables of a trainer about six.
 */
#include "wire/slice.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/field.h"
#include "wire/message.h"

enum { PROCESS_MIN_SIZE = 36 }; /* bytes of a packed process with an empty environment */

#define NUMBER(member, min, max) FIELD_OF(FIELD_NUMBER, struct slice, member, min, max)
#define TEXT(kind, member)       FIELD_OF(kind, struct slice, member, 0, 0)
#define OF_PROCESS(member, max)  FIELD_OF(FIELD_NUMBER, struct process_plan, member, 0, max)

/* What all machines have in common. */
static const struct field common_fields[] = {
    NUMBER(machines, 1, INT_MAX),
    NUMBER(log_required, 0, 1),
    NUMBER(log_size, 0, INT64_MAX),
    NUMBER(timestamps, 0, 1),
    NUMBER(attempt, 0, INT_MAX),
    NUMBER(watch_samplers, 0, INT_MAX),
    NUMBER(python_hook, 0, 1),
    NUMBER(preempt_signal, 0, NSIG - 1),
    NUMBER(private_shm, PRIVATE_SHM_OFF, PRIVATE_SHM_ON),
    NUMBER(shm_size, 0, INT64_MAX),
    NUMBER(start_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(connect_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(stall_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(sample_ms, 0, FIELD_LARGEST),
    NUMBER(exit_timeout_ms, 0, FIELD_LARGEST),
    NUMBER(kill_grace_ms, 0, FIELD_LARGEST),
    NUMBER(lost_timeout_ms, 0, FIELD_LARGEST),
    TEXT(FIELD_TEXT, job_id),
    TEXT(FIELD_TEXT, workspace),
    TEXT(FIELD_TEXT, ip_config),
    TEXT(FIELD_OPTIONAL, own_ip_config),
    TEXT(FIELD_OPTIONAL, part_config),
    TEXT(FIELD_OPTIONAL, command),
    TEXT(FIELD_STRV, argv),
    TEXT(FIELD_OPTIONAL, sampler_command),
    TEXT(FIELD_ENV, set),
    TEXT(FIELD_OPTIONAL, log_dir),
    TEXT(FIELD_OPTIONAL, show),
};

/* The environments from which those of a machine differ in a few places. */
struct models {
    struct strv defaults;
    struct strv env[ROLE_TRAINER + 1]; /* by role */
};

#define OF_MODELS(member) FIELD_OF(FIELD_ENV, struct models, member, 0, 0)

static const struct field model_fields[] = {
    OF_MODELS(defaults),
    OF_MODELS(env[ROLE_SERVER]),
    OF_MODELS(env[ROLE_SAMPLER]),
    OF_MODELS(env[ROLE_TRAINER]),
};

static const struct field own_fields[] = {
    NUMBER(attempt, 0, INT_MAX), /* again: both parts must be of one attempt */
    NUMBER(machine, 0, INT_MAX), NUMBER(port, 0, UINT16_MAX), NUMBER(cpus, 0, INT_MAX),
    TEXT(FIELD_TEXT, host),      TEXT(FIELD_TEXT, ip),        TEXT(FIELD_STRV, part_files),
};

static const struct field process_fields[] = {
    OF_PROCESS(role, ROLE_TRAINER),
    OF_PROCESS(id, INT_MAX),
    OF_PROCESS(local, INT_MAX),
    OF_PROCESS(port, UINT16_MAX),
};

static bool has_model(const struct process_plan *process)
{
    return process->role <= ROLE_TRAINER;
}

/* Borrowed: the environments of the first process of each role. */
static struct models models_of(const struct slice *slice)
{
    struct models models = {.defaults = slice->defaults};

    for (int i = slice->n_processes - 1; i >= 0; i--)
        if (has_model(&slice->processes[i]))
            models.env[slice->processes[i].role] = slice->processes[i].env;
    return models;
}

static void clear_models(struct models *models)
{
    strv_free(&models->defaults);
    for (size_t i = 0; i < sizeof(models->env) / sizeof(models->env[0]); i++)
        strv_free(&models->env[i]);
}

/* NULL stands for what the model has at that place. */
static void pack_like(struct buf *out, const struct strv *env, const struct strv *model)
{
    pack_u32(out, (uint32_t)env->n);
    for (size_t i = 0; i < env->n; i++) {
        bool same = i < model->n && !strcmp(env->items[i], model->items[i]);

        pack_text(out, same ? NULL : env->items[i]);
    }
}

void message_pack_common(struct buf *out, const struct slice *slice)
{
    struct models models = models_of(slice);

    FIELD_PACK(out, slice, common_fields);
    FIELD_PACK(out, &models, model_fields);
}

void message_pack_own(struct buf *out, const struct slice *slice, const struct slice *common)
{
    static const struct strv nothing;
    struct models models = models_of(common);

    FIELD_PACK(out, slice, own_fields);
    pack_like(out, &slice->defaults, &models.defaults);
    pack_u32(out, (uint32_t)slice->n_processes);
    for (int i = 0; i < slice->n_processes; i++) {
        const struct process_plan *process = &slice->processes[i];

        FIELD_PACK(out, process, process_fields);
        pack_like(out, &process->env, has_model(process) ? &models.env[process->role] : &nothing);
    }
}

void message_pack_slice(struct buf *out, const struct slice *slice)
{
    message_pack_common(out, slice);
    message_pack_own(out, slice, slice);
}

/* Takes len bytes of what may still be copied from the models: a few bytes could name a long text
 * many times. */
static void take_room(struct unpack *u, size_t *room, size_t len)
{
    u->bad |= len > *room;
    *room -= u->bad ? 0 : len;
}

static void unpack_like(struct unpack *u, struct strv *env, const struct strv *model, size_t *room)
{
    uint32_t n = unpack_count(u, 4);

    for (uint32_t i = 0; i < n && !u->bad; i++) {
        char *text = unpack_text(u);
        const char *item = text || i >= model->n ? text : model->items[i];

        u->bad |= !item || !strchr(item, '=') || item[0] == '=';
        if (!u->bad && !text)
            take_room(u, room, strlen(item) + 1);
        if (!u->bad)
            strv_add(env, item);
        free(text);
    }
}

static void unpack_process(struct unpack *u, struct slice *slice, const struct models *models,
                           size_t *room)
{
    struct process_plan *process = &slice->processes[slice->n_processes++];

    FIELD_UNPACK(u, process, process_fields);
    u->bad |= process->role == ROLE_SAMPLER && !slice->sampler_command;
    unpack_like(u, &process->env, &models->env[process->role], room);
}

static void unpack_own(struct unpack *u, struct slice *slice, const struct models *models)
{
    size_t room = MESSAGE_MAX;
    int attempt = slice->attempt;
    uint32_t n;

    FIELD_UNPACK(u, slice, own_fields);
    u->bad |= slice->attempt != attempt;
    unpack_like(u, &slice->defaults, &models->defaults, &room);
    n = unpack_count(u, PROCESS_MIN_SIZE);
    slice->processes = mem_calloc(n, sizeof(*slice->processes));
    while (slice->n_processes < (int)n && !u->bad)
        unpack_process(u, slice, models, &room);
}

struct slice *message_unpack_slice(const char *data, size_t len)
{
    struct unpack u = {.at = data, .left = len, .bad = len > MESSAGE_MAX};
    struct slice *slice = mem_calloc(1, sizeof(*slice));
    struct models models = {0};

    FIELD_UNPACK(&u, slice, common_fields);
    FIELD_UNPACK(&u, &models, model_fields);
    unpack_own(&u, slice, &models);
    clear_models(&models);
    if (!u.bad && !u.left && slice->machine < slice->machines && (slice->command || slice->argv.n))
        return slice;
    slice_free(slice);
    return NULL;
}
