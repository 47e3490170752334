/* plan: the job cut into one slice a machine. Pure: no clock, no files, no environment. */
#ifndef JOB_PLAN_H
#define JOB_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/strv.h"
#include "job/job.h"
#include "job/placement.h"
#include "job/role.h"

/* Variables that get the interface of the machine's address where they are not set. */
#define PLAN_INTERFACE_NAMES "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME"

enum {
    PLAN_CREDIT_PARTS = 64,     /* credit comes back by such a part of it at least */
    PLAN_CREDIT_MOST = 1 << 20, /* console bytes of one machine */
    PLAN_CREDIT_ALL = 40 << 20  /* of all machines; at rank 0 what says whose they are comes to it,
                                   8 bytes for 13 or more: 64 MiB (console.c) */
};

/* One process to run. */
struct process_plan {
    enum role role;
    int id;          /* among all of its role in the job: DGL_SERVER_ID, RANK, DGL_JOB_SAMPLER_ID */
    int local;       /* among its role on this machine */
    int port;        /* the process is ready when it listens on it; 0: none */
    struct strv env; /* NAME=VALUE, over everything else; may hold DGL_MASTER_PORT_LATER */
};

/* What one machine is to do. Owns everything in it. */
struct slice {
    int machine;  /* line of ip_config, from 0 */
    int machines; /* how many the job has */
    char *job_id;
    char *host; /* the machine's name, for prefixes and log names */
    char *ip;
    int port;               /* first server's */
    int cpus;               /* 0: not known (--dry_run) */
    char *workspace;        /* absolute; every process starts there */
    char *ip_config;        /* for DGL: relative to the workspace, or absolute */
    char *own_ip_config;    /* the list that the keeper writes, ip_config is below the job's folder
                               then; NULL: the user's file counts */
    char *part_config;      /* the same; NULL: none */
    struct strv part_files; /* of this machine's partition, absolute or relative to the workspace */
    char *command;          /* for a shell, or NULL: argv */
    struct strv argv;       /* with {ip_config} and its like replaced */
    char *sampler_command;  /* for a shell; NULL: no samplers that the keeper starts */
    struct strv set;        /* NAME=VALUE from rank 0, over the machine's own environment */
    struct strv defaults;   /* NAME=VALUE where the machine has not set the name; of several the
                               first counts */
    char *log_dir;          /* absolute, or NULL: no log files */
    int log_required;       /* 1: a folder that cannot be made is an error (--run_dir) */
    char *show;             /* as in the options */
    int timestamps;         /* 1: on the console */
    int64_t log_size;       /* a log file of so many bytes is rotated; 0: never */
    int attempt;            /* 0, then one more after each restart */
    int watch_samplers;     /* samplers of each trainer that are watched; 0: none */
    int python_hook;        /* 1: trainers' Python gets the exception hook */
    int preempt_signal;     /* 0: none */
    int private_shm;        /* enum private_shm */
    int64_t shm_size;       /* bytes; 0: half of the machine's memory */
    int64_t start_timeout_ms, exit_timeout_ms, kill_grace_ms, lost_timeout_ms;
    int64_t connect_timeout_ms;
    int64_t stall_timeout_ms;       /* 0: a job that stands still is not looked for */
    int64_t sample_ms;              /* between two looks at what the processes use; 0: none */
    struct process_plan *processes; /* servers first, then trainers, then samplers */
    int n_processes;
};

/* The slice of one machine; the caller frees it by slice_free. seat may be NULL (--dry_run): then
 * host is the line's address and cpus are unknown. */
struct slice *plan_slice(const struct job *job, int machine, const struct seat *seat);

void slice_free(struct slice *slice);

/* How many bytes of output, prefixes included, each of so many machines may have on their way to
 * the console, besides a last line. */
int64_t plan_credit(int machines);

/* The text that a process of that role hands to a shell; NULL: it runs argv. */
const char *slice_command(const struct slice *slice, enum role role);

#endif
