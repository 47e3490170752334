/* job: everything that rank 0 knows about the job before it meets the other machines. */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "job/hosts.h"
#include "job/networks.h"
#include "job/options.h"
#include "job/partconf.h"

enum { JOB_FILE_MAX = 32 << 20 }; /* bytes of ip_config or part_config that we read */

struct job {
    struct options options;
    int attempt;            /* 0, then one more after each restart */
    char id[80];            /* 20261124T104937Z-BATCHID_or_PID-ab12 */
    char *workspace;        /* absolute */
    struct buf ip_config;   /* the file's bytes, or the launcher's own list */
    struct buf part_config; /* the file's bytes; empty when there is none */
    struct hosts hosts;
    struct hosts spares;   /* machines that stay idle (--spare) and could take a lost one's place */
    bool writes_ip_config; /* the processes get the launcher's own list, not the user's file */
    bool finds_machines;   /* the opening does: --ip_config auto; there are no hosts until then */
    struct wanted wanted;  /* the network that the user wants then */
    bool cut; /* the file has more lines than there are parts, and those stay idle (--spare) */
    bool finds_port;          /* some machine's port is to be chosen: job_use_port */
    struct partconf partconf; /* num_parts 0 when there is none */
    struct strv passed;       /* rank 0's environment that travels to all machines, NAME=VALUE */
    struct strv passed_unless_set; /* the same, for machines without a value of their own */
    char *omp_num_threads; /* rank 0's OMP_NUM_THREADS, also where it does not travel; or NULL */
    char *run_dir;         /* absolute, or NULL: nothing is written; not created here */
    struct strv notices;   /* sentences for the user: ssh options, reserved names, ... */
};

/* Reads the files that *options names, and takes the options over (*options is emptied). envp: rank
 * 0's environment. 0, or -1 with err (EXIT_USAGE; EXIT_MACHINE when the workspace is missing). *job
 * may be freed in both cases. */
int job_load(struct job *job, struct options *options, char **envp, struct err *err);

/* The same for ip_config alone; without a workspace the current folder counts. */
int job_load_hosts(struct job *job, struct options *options, char **envp, struct err *err);

/* What the processes are to read as ip_config: the user's words, or a name below DGL_JOB_DIR_LATER.
 */
const char *job_ip_config(const struct job *job);

/* The servers of machines whose line names no port listen from base on. 0, or -1 with err
 * (EXIT_USAGE) when the last one's would be too high. */
int job_use_port(struct job *job, int base, struct err *err);

/* A spare machine takes the place of that one, with the same port unless its line names one. */
void job_replace(struct job *job, size_t machine, const struct host *spare);

/* The job gets its machines; *hosts is emptied. 0, or -1 with err (EXIT_USAGE) as job_load. */
int job_take_hosts(struct job *job, struct hosts *hosts, struct err *err);

void job_free(struct job *job);

/* ---- counts; job_load has seen that each fits an int ---- */

/* Trainers of all machines: torch's WORLD_SIZE. */
int job_world_size(const struct job *job);

/* All trainers and all their samplers, also those that trainers start: DGL_NUM_CLIENT. */
int job_clients(const struct job *job);

/* Samplers that each machine's keeper starts; 0 when trainers start their own. */
int job_forked_samplers(const struct job *job);

#endif
