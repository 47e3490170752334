/* plan: the job cut into one slice a machine. Pure: no clock, no files, no environment. */
#include "job/plan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "job/dgl.h"

/* A copy of text with the three words in braces replaced. Takes one pass, so that it does not
 * replace such a word inside a value. The caller frees. */
static char *expand(const struct job *job, const char *text)
{
    const struct options *o = &job->options;
    const char *const words[][2] = {{"{ip_config}", job_ip_config(job)},
                                    {"{part_config}", o->part_config},
                                    {"{workspace}", job->workspace}};
    struct buf out = {0};

    while (*text) {
        size_t len = 1;
        const char *value = NULL;

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (!words[i][1] || strncmp(text, words[i][0], strlen(words[i][0])))
                continue;
            len = strlen(words[i][0]);
            value = words[i][1];
        }
        buf_add(&out, value ? value : text, value ? strlen(value) : len);
        text += len;
    }
    buf_add(&out, "", 1);
    return out.data;
}

static void copy_command(struct slice *slice, const struct job *job)
{
    const struct options *o = &job->options;

    slice->command = mem_strdup(o->command);
    slice->sampler_command = mem_strdup(o->sampler_cmd);
    for (size_t i = 0; i < o->argv.n; i++) {
        char *word = expand(job, o->argv.items[i]);

        strv_add(&slice->argv, word);
        free(word);
    }
}

/* Paths inside the JSON are relative to the JSON's folder (load_partition). */
static void add_part_files(struct slice *slice, const struct job *job, int machine)
{
    const char *config = job->options.part_config;
    const char *slash = config ? strrchr(config, '/') : NULL;

    if (!config || machine >= job->partconf.num_parts)
        return;
    for (size_t i = 0; i < job->partconf.files[machine].n; i++) {
        const char *file = job->partconf.files[machine].items[i];

        if (slash && file[0] != '/')
            strv_addf(&slice->part_files, "%.*s%s", (int)(slash + 1 - config), config, file);
        else
            strv_add(&slice->part_files, file);
    }
}

/* Adds the n processes of a role on this machine. */
static void add_processes(struct slice *slice, const struct job *job, enum role role, int n)
{
    for (int local = 0; local < n; local++) {
        struct process_plan *p = &slice->processes[slice->n_processes++];

        p->role = role;
        p->local = local;
        p->id = slice->machine * n + local;
        p->port = role == ROLE_SERVER ? slice->port + local : 0;
        dgl_env_make(&p->env, job, slice->machine, slice->cpus, role, local);
    }
}

static void add_all_processes(struct slice *slice, const struct job *job)
{
    int servers = job->options.num_servers, trainers = job->options.num_trainers;
    int samplers = job_forked_samplers(job);

    slice->processes = mem_calloc((size_t)servers + (size_t)trainers + (size_t)samplers,
                                  sizeof(*slice->processes));
    add_processes(slice, job, ROLE_SERVER, servers);
    add_processes(slice, job, ROLE_TRAINER, trainers);
    add_processes(slice, job, ROLE_SAMPLER, samplers);
}

static void add_logs_and_times(struct slice *slice, const struct job *job)
{
    const struct options *o = &job->options;

    slice->log_dir = job->run_dir ? file_join(job->run_dir, "logs") : NULL;
    slice->log_required = o->run_dir && job->run_dir;
    slice->log_size = o->log_size;
    slice->start_timeout_ms = o->start_timeout_ms;
    slice->connect_timeout_ms = o->connect_timeout_ms;
    slice->show = mem_strdup(o->show);
    slice->timestamps = o->timestamps;
    slice->stall_timeout_ms = o->stall_timeout_ms;
    slice->sample_ms = o->sample_interval_ms;
    slice->exit_timeout_ms = o->exit_timeout_ms;
    slice->kill_grace_ms = o->kill_grace_ms;
    slice->lost_timeout_ms = o->lost_timeout_ms;
}

static void add_care(struct slice *slice, const struct job *job)
{
    const struct options *o = &job->options;

    slice->attempt = job->attempt;
    slice->watch_samplers = o->watch_samplers && !o->sampler_cmd ? o->num_samplers : 0;
    slice->python_hook = o->python_hook;
    slice->preempt_signal = o->preempt_signal;
    slice->private_shm = o->private_shm;
    slice->shm_size = o->shm_size;
}

/* Without these variables gloo and torch's RPC (TensorPipe) take the address that the host's name
 * resolves to; on Debian that is 127.0.1.1. */
static void add_interface(struct slice *slice, const char *interface)
{
    static const char *const names[] = {PLAN_INTERFACE_NAMES};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strv_env_get(&slice->defaults, names[i]))
            strv_addf(&slice->defaults, "%s=%s", names[i], interface);
}

struct slice *plan_slice(const struct job *job, int machine, const struct seat *seat)
{
    const struct host *host = &job->hosts.items[machine];
    struct slice *slice = mem_calloc(1, sizeof(*slice));

    slice->machine = machine;
    slice->machines = (int)job->hosts.n;
    slice->job_id = mem_strdup(job->id);
    slice->host = mem_strdup(seat ? seat->host : host->ip);
    slice->ip = mem_strdup(host->ip);
    slice->port = host->port;
    slice->cpus = seat ? seat->cpus : 0;
    slice->workspace = mem_strdup(job->workspace);
    slice->ip_config = mem_strdup(job_ip_config(job));
    if (job->writes_ip_config)
        slice->own_ip_config = mem_strndup(job->ip_config.data, job->ip_config.len);
    slice->part_config = mem_strdup(job->options.part_config);
    add_part_files(slice, job, machine);
    copy_command(slice, job);
    strv_add_all(&slice->set, &job->passed);
    strv_add_all(&slice->defaults, &job->passed_unless_set);
    /* without it a server's whole output comes when it exits [measured] */
    strv_add(&slice->defaults, "PYTHONUNBUFFERED=1");
    if (seat && seat->interface[0])
        add_interface(slice, seat->interface);
    add_logs_and_times(slice, job);
    add_care(slice, job);
    add_all_processes(slice, job);
    return slice;
}

int64_t plan_credit(int machines)
{
    int64_t share = PLAN_CREDIT_ALL / machines;

    return share < PLAN_CREDIT_MOST ? share : PLAN_CREDIT_MOST;
}

const char *slice_command(const struct slice *slice, enum role role)
{
    return role == ROLE_SAMPLER ? slice->sampler_command : slice->command;
}

void slice_free(struct slice *slice)
{
    if (!slice)
        return;
    for (int i = 0; i < slice->n_processes; i++)
        strv_free(&slice->processes[i].env);
    free(slice->processes);
    free(slice->job_id);
    free(slice->host);
    free(slice->ip);
    free(slice->workspace);
    free(slice->ip_config);
    free(slice->own_ip_config);
    free(slice->part_config);
    free(slice->command);
    free(slice->sampler_command);
    free(slice->log_dir);
    free(slice->show);
    strv_free(&slice->part_files);
    strv_free(&slice->argv);
    strv_free(&slice->set);
    strv_free(&slice->defaults);
    free(slice);
}
