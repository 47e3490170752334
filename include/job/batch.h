/* batch: what a batch system tells about its job in the environment. */
#ifndef JOB_BATCH_H
#define JOB_BATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the job's id as the batch system calls it, as far as a file's name may hold it: letters
 * and digits, with _ between them, up to the first dot ("12[3].server": 12_3). False: there is
 * none. Slurm, PBS, Flux, LSF and Cobalt are known. */
bool batch_job_id(char **envp, char *id, size_t size);

/* Has PBS set OMP_NUM_THREADS, which is all CPUs of the machine then? OpenPBS does so in
 * start_exec.c, with the same number in NCPUS, unless the user has asked for ompthreads. */
bool batch_sets_threads(char **envp);

#endif
