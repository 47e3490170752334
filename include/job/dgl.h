/* dgl: the only file that knows the environment's names of DGL, torch and MPI. */
#ifndef JOB_DGL_H
#define JOB_DGL_H

#include <stdbool.h>

#include "base/strv.h"
#include "job/job.h"
#include "job/role.h"

/* Stands for MASTER_PORT until machine 0 has chosen it; the keeper puts the port in. */
#define DGL_MASTER_PORT_LATER "{master_port}"

/* Stands for the machine's folder in DGL_JOB_DIR and TORCHELASTIC_ERROR_FILE; the keeper puts it
 * in.
 */
#define DGL_JOB_DIR_LATER "{job_dir}"

/* What the launcher's own ip_config is called in that folder. */
#define DGL_IP_CONFIG_NAME "ip_config.txt"

/* Below, name is NAME or NAME=VALUE. */

/* Does the pattern match NAME? A '*' at its beginning or end stands for anything. */
bool dgl_env_is_like(const char *name, const char *pattern);

/* Does NAME belong to MPI, a process manager or this launcher (OMPI_*, PMIX_*, DGL_MPILAUNCH_*
 * ...)? Children must not see it. */
bool dgl_env_is_mpi(const char *name_value);

/* Is NAME about one step or task of a scheduler? Children are none; with it, an MPI of their own
 * would take itself for part of the step (Open MPI: "direct launched using srun"). */
bool dgl_env_is_step(const char *name_value);

/* Does NAME say which GPUs a machine's processes may use? It never travels. */
bool dgl_env_is_devices(const char *name_value);

/* May NAME's value differ between machines? Then a machine's own value counts, and rank 0's is only
 * a default. */
bool dgl_env_is_machines(const char *name_value);

/* Does NAME of rank 0's environment travel to all machines (PATH LD_LIBRARY_PATH PYTHONPATH
 * VIRTUAL_ENV CONDA_* DGL* OMP_* MKL_* NCCL_* GLOO_* CUDA_*, and dgl_env_is_machines)? Never for
 * the names of dgl_env_is_mpi, dgl_env_is_step and dgl_env_is_devices. */
bool dgl_env_travels(const char *name_value);

/* Does the launcher set NAME for each process (RANK, DGL_SERVER_ID ...)? */
bool dgl_env_is_reserved(const char *name_value);

/* Appends the variables that DGL and torch want for process `local` of `role` on machine `machine`.
 * cpus: of that machine; 0: not known, then OMP_NUM_THREADS tells the rule in words. The job's
 * server_env, trainer_env or sampler_env and then its extra_envs come last. */
void dgl_env_make(struct strv *env, const struct job *job, int machine, int cpus, enum role role,
                  int local);

/* How many clients a server with this environment accepts; 0: it does not say. */
int dgl_env_clients(const struct strv *env);

#endif
