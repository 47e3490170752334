/* dgl: the only file that knows DGL's, torch's and MPI's environment names (facts of DGL v2.1.0:
 * python/dgl/distributed/dist_context.py initialize; torch/distributed/elastic/agent/server/
 * local_elastic_agent.py for what torchrun sets).
 */
#ifndef JOB_DGL_H
#define JOB_DGL_H

#include <stdbool.h>

#include "base/strv.h"
#include "job/job.h"
#include "job/role.h"

/* In MASTER_PORT's place until machine 0 has chosen one; the keeper puts the port in. */
#define DGL_MASTER_PORT_LATER "{master_port}"

/* At the front of DGL_JOB_DIR and TORCHELASTIC_ERROR_FILE; the keeper puts its machine's folder in.
 */
#define DGL_JOB_DIR_LATER "{job_dir}"

/* Is NAME (up to '=' or the end) MPI's or a process manager's own, so that a child must not see it?
 * OMPI_* PMIX_* PMI_* PRTE_* ORTE_* MPIR_* HYDRA_* HYDI_* MPI_LOCALNRANKS MPI_LOCALRANKID ..., and
 * DGL_MPILAUNCH_* of our own. */
bool dgl_env_is_mpi(const char *name_value);

/* Is NAME about one step or task of a scheduler, which the children are not? Their own MPI would
 * take itself for a part of it (Open MPI: "direct launched using srun"). */
bool dgl_env_is_step(const char *name_value);

/* Does NAME say which GPUs a machine's processes may use? It never travels. */
bool dgl_env_is_devices(const char *name_value);

/* Is NAME about what each machine may have otherwise, so that its own value counts and rank 0's is
 * but a default? */
bool dgl_env_is_machines(const char *name_value);

/* Does NAME of rank 0's environment travel to all machines (PATH LD_LIBRARY_PATH PYTHONPATH
 * VIRTUAL_ENV CONDA_* DGL* OMP_* MKL_* NCCL_* GLOO_* CUDA_*, and dgl_env_is_machines)? Never for
 * the names of dgl_env_is_mpi, dgl_env_is_step and dgl_env_is_devices. */
bool dgl_env_travels(const char *name_value);

/* Is NAME set by us for each process (RANK, DGL_SERVER_ID, ...)? For the notice of --extra_envs. */
bool dgl_env_is_reserved(const char *name_value);

/* Appends to env what DGL and torch want of process `local` of `role` on machine `machine` of
 * `job`. cpus: of that machine, 0 when not known (then OMP_NUM_THREADS tells the rule in words).
 * The job's server_env, trainer_env or sampler_env and then its extra_envs come last. */
void dgl_env_make(struct strv *env, const struct job *job, int machine, int cpus, enum role role,
                  int local);

#endif
