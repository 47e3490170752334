/* dgl: the only file that says DGL_*, RANK or the names of an MPI. DGL v2.1.0 reads its variables
 * in python/dgl/distributed/dist_context.py (initialize, lines 251 to 290) and sets them in
 * tools/launch.py; torchrun 2.2.1 sets its own in distributed/elastic/agent/server/
 * local_elastic_agent.py (_start_workers). This file only makes lists.
 */
#include "job/dgl.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

static bool is_like(const char *name, const char *pattern, size_t want)
{
    size_t len = strcspn(name, "=");

    if (pattern[0] == '*')
        return len >= want - 1 && !strncmp(name + len - (want - 1), pattern + 1, want - 1);
    if (pattern[want - 1] == '*')
        return len >= want - 1 && !strncmp(name, pattern, want - 1);
    return len == want && !strncmp(name, pattern, want);
}

bool dgl_env_is_like(const char *name, const char *pattern)
{
    return is_like(name, pattern, strlen(pattern));
}

/* Does the name match one of the patterns, which blanks divide? */
static bool matches(const char *name, const char *patterns)
{
    for (size_t len; *patterns; patterns += len, patterns += strspn(patterns, " ")) {
        len = strcspn(patterns, " ");
        if (is_like(name, patterns, len))
            return true;
    }
    return false;
}

bool dgl_env_is_mpi(const char *name_value)
{
    return matches(name_value,
                   "OMPI_* PMIX_* PMI_* PRTE_* ORTE_* MPIR_* HYDRA_* HYDI_* "
                   "MPI_LOCALNRANKS MPI_LOCALRANKID MPIEXEC_* MPICH_INTERFACE_HOSTNAME* "
                   "PMI2_* I_MPI_HYDRA_* I_MPI_MPIRUN DGL_MPILAUNCH_*");
}

/* Of Slurm those that srun(1) lists as output variables of a step or a task; the job's, such as
 * SLURM_JOB_ID, stay. The others are of Cray's PALS and ALPS, Flux and IBM's JSM. */
bool dgl_env_is_step(const char *name_value)
{
    return matches(name_value, "SLURM_PROCID SLURM_LOCALID SLURM_NODEID SLURM_STEPID SLURM_STEP_* "
                               "SLURM_STEPMGR SLURM_GTIDS SLURM_TASK_PID SLURM_CPU_BIND* "
                               "SLURM_MEM_BIND* SLURM_DISTRIBUTION SLURM_SRUN_COMM_* "
                               "SLURM_LAUNCH_NODE_IPADDR SLURM_MPI_TYPE SLURM_PMI* PALS_* ALPS_* "
                               "FLUX_TASK_* JSM_NAMESPACE_*");
}

bool dgl_env_is_reserved(const char *name_value)
{
    return matches(name_value,
                   "DGL_ROLE DGL_DIST_MODE DGL_SERVER_ID DGL_GROUP_ID DGL_NUM_SAMPLER "
                   "DGL_NUM_CLIENT DGL_NUM_SERVER DGL_CONF_PATH DGL_IP_CONFIG DGL_JOB_* "
                   "RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE GROUP_RANK "
                   "GROUP_WORLD_SIZE ROLE_NAME ROLE_RANK ROLE_WORLD_SIZE MASTER_ADDR "
                   "MASTER_PORT TORCHELASTIC_*");
}

bool dgl_env_is_devices(const char *name_value)
{
    return matches(name_value, "CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES "
                               "HIP_VISIBLE_DEVICES GPU_DEVICE_ORDINAL ZE_AFFINITY_MASK "
                               "ONEAPI_DEVICE_SELECTOR");
}

/* Network interfaces, CPUs and a daemon's paths, whose names may differ between machines. */
bool dgl_env_is_machines(const char *name_value)
{
    return matches(name_value, "*_SOCKET_IFNAME NCCL_IB_HCA OMP_PLACES OMP_PROC_BIND CUDA_MPS_*");
}

bool dgl_env_travels(const char *name_value)
{
    /* reserved names: a role in rank 0's shell must not reach trainers that run without servers */
    return (matches(name_value,
                    "PATH LD_LIBRARY_PATH PYTHONPATH VIRTUAL_ENV CONDA_* DGL* OMP_* MKL_* "
                    "NCCL_* GLOO_* CUDA_*") ||
            dgl_env_is_machines(name_value)) &&
           !dgl_env_is_devices(name_value) && !dgl_env_is_mpi(name_value) &&
           !dgl_env_is_step(name_value) && !dgl_env_is_reserved(name_value);
}

/* Programs without DGL get them too. */
static void add_paths(struct strv *env, const struct job *job)
{
    const struct options *o = &job->options;

    if (o->part_config)
        strv_env_setf(env, "DGL_CONF_PATH=%s", o->part_config);
    strv_env_setf(env, "DGL_IP_CONFIG=%s", job_ip_config(job));
}

/* DGL_NUM_SAMPLER counts the samplers that a trainer starts itself. */
static void add_counts(struct strv *env, const struct job *job)
{
    const struct options *o = &job->options;

    strv_env_setf(env, "DGL_NUM_SAMPLER=%d", o->sampler_cmd ? 0 : o->num_samplers);
    strv_env_setf(env, "DGL_NUM_CLIENT=%d", job_clients(job));
    strv_env_setf(env, "DGL_NUM_SERVER=%d", o->num_servers);
    add_paths(env, job);
    strv_env_setf(env, "DGL_GRAPH_FORMAT=%s", o->graph_format);
}

static void add_server(struct strv *env, const struct job *job, int machine, int local)
{
    strv_env_setf(env, "DGL_ROLE=server");
    strv_env_setf(env, "DGL_SERVER_ID=%d", machine * job->options.num_servers + local);
    add_counts(env, job);
    strv_env_setf(env, "OMP_NUM_THREADS=%d", job->options.num_server_threads);
}

static void add_client(struct strv *env, const struct job *job, const char *role)
{
    const struct options *o = &job->options;

    if (!o->num_servers) {
        add_paths(env, job);
        return;
    }
    strv_env_setf(env, "DGL_ROLE=%s", role);
    strv_env_setf(env, "DGL_DIST_MODE=distributed");
    strv_env_setf(env, "DGL_GROUP_ID=0");
    add_counts(env, job);
    if (o->sampler_cmd)
        strv_env_setf(env, "DGL_JOB_NUM_SAMPLERS=%d", o->num_samplers);
}

/* A sampler is a client of DGL, but not in torch's world. It gets one thread, as in DGL's own pool
 * (dist_context.py initialize: num_worker_threads=1). */
static void add_sampler(struct strv *env, const struct job *job, int machine, int local)
{
    int id = machine * job_forked_samplers(job) + local;

    add_client(env, job, "sampler");
    strv_env_setf(env, "OMP_NUM_THREADS=1");
    strv_env_setf(env, "DGL_JOB_TRAINER_RANK=%d", id / job->options.num_samplers);
    strv_env_setf(env, "DGL_JOB_SAMPLER_ID=%d", id);
    strv_env_setf(env, "TORCHELASTIC_ERROR_FILE=" DGL_JOB_DIR_LATER "/error-sampler-%d.json", id);
}

/* As launch.py, but with the number of CPUs of the trainer's own machine. */
static void add_trainer_threads(struct strv *env, const struct job *job, int cpus)
{
    const struct options *o = &job->options;
    int threads = cpus / 2 / o->num_trainers;

    if (o->num_omp_threads)
        strv_env_setf(env, "OMP_NUM_THREADS=%d", o->num_omp_threads);
    else if (job->omp_num_threads)
        strv_env_setf(env, "OMP_NUM_THREADS=%s", job->omp_num_threads);
    else if (!cpus)
        strv_env_setf(env, "OMP_NUM_THREADS={max(cpus / 2 / %d, 1)}", o->num_trainers);
    else
        strv_env_setf(env, "OMP_NUM_THREADS=%d", threads > 1 ? threads : 1);
}

/* The variables that torchrun sets; all trainers have the role "default" (torch/distributed/run.py
 * --role). TORCH_NCCL_ASYNC_ERROR_HANDLING stays at torch's own default. */
static void add_torch(struct strv *env, const struct job *job, int machine, int local)
{
    int trainers = job->options.num_trainers;
    int rank = machine * trainers + local;
    int world = job_world_size(job);

    strv_env_setf(env, "RANK=%d", rank);
    strv_env_setf(env, "WORLD_SIZE=%d", world);
    strv_env_setf(env, "LOCAL_RANK=%d", local);
    strv_env_setf(env, "LOCAL_WORLD_SIZE=%d", trainers);
    strv_env_setf(env, "GROUP_RANK=%d", machine);
    strv_env_setf(env, "GROUP_WORLD_SIZE=%zu", job->hosts.n);
    strv_env_setf(env, "ROLE_NAME=default");
    strv_env_setf(env, "ROLE_RANK=%d", rank);
    strv_env_setf(env, "ROLE_WORLD_SIZE=%d", world);
    strv_env_setf(env, "MASTER_ADDR=%s", job->hosts.items[0].ip);
    strv_env_setf(env, "MASTER_PORT=" DGL_MASTER_PORT_LATER);
    strv_env_setf(env, "TORCHELASTIC_RESTART_COUNT=%d", job->attempt);
    strv_env_setf(env, "TORCHELASTIC_MAX_RESTARTS=%d", job->options.max_restarts);
    strv_env_setf(env, "TORCHELASTIC_RUN_ID=%s", job->id);
    strv_env_setf(env, "TORCHELASTIC_USE_AGENT_STORE=False");
    strv_env_setf(env, "TORCHELASTIC_ERROR_FILE=" DGL_JOB_DIR_LATER "/error-trainer-%d.json", rank);
}

static void add_trainer(struct strv *env, const struct job *job, int machine, int cpus, int local)
{
    add_client(env, job, "client");
    add_trainer_threads(env, job, cpus);
    add_torch(env, job, machine, local);
}

static const struct strv *own_env(const struct options *o, enum role role)
{
    return role == ROLE_SERVER    ? &o->server_env
           : role == ROLE_SAMPLER ? &o->sampler_env
                                  : &o->trainer_env;
}

static void override(struct strv *env, const struct strv *with)
{
    for (size_t i = 0; i < with->n; i++)
        strv_env_set(env, with->items[i]);
}

void dgl_env_make(struct strv *env, const struct job *job, int machine, int cpus, enum role role,
                  int local)
{
    if (role == ROLE_SERVER)
        add_server(env, job, machine, local);
    else if (role == ROLE_SAMPLER)
        add_sampler(env, job, machine, local);
    else
        add_trainer(env, job, machine, cpus, local);
    strv_env_setf(env, "DGL_JOB_ID=%s", job->id);
    strv_env_setf(env, "DGL_JOB_DIR=" DGL_JOB_DIR_LATER);
    strv_env_setf(env, "DGL_JOB_RESTART_COUNT=%d", job->attempt);
    override(env, own_env(&job->options, role));
    override(env, &job->options.extra_envs);
}

int dgl_env_clients(const struct strv *env)
{
    const char *text = strv_env_get(env, "DGL_NUM_CLIENT");
    long n = text ? text_number(text, strlen(text), INT_MAX) : -1;

    return n > 0 ? (int)n : 0;
}
