/* batch: what a batch system tells about its job in the environment. */
#ifndef JOB_BATCH_H
#define JOB_BATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the job's id as the batch system calls it, as far as a file's name may hold it: letters
 * and digits, with _ between them, up to the first dot ("12[3].server": 12_3). False: there is
 * none. Slurm, PBS, Flux, LSF and Cobalt are known. */
bool batch_job_id(char **envp, char *id, size_t size);

/* Has PBS set OMP_NUM_THREADS? OpenPBS's start_exec.c sets it and NCPUS to one number: the chunk's
 * ompthreads, or, where nobody has asked for these, its ncpus, all of its CPUs. The two look alike,
 * and so does a user's own number that is equal to NCPUS. */
bool batch_sets_threads(char **envp);

#endif
