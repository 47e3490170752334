/* options: what the user asked for, from the command line, DGL_MPILAUNCH_<NAME> in the environment
 * and --config's file.
 */
#ifndef JOB_OPTIONS_H
#define JOB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

enum { PROCESSES_MAX = 4096 }; /* of a role on one machine: more is a typing error */

enum { PORT_AUTO = -1 }; /* --port auto */

enum private_shm { PRIVATE_SHM_OFF, PRIVATE_SHM_AUTO, PRIVATE_SHM_ON };

enum stall_action { STALL_REPORT, STALL_STOP, STALL_RESTART };

struct options {
    /* as tools/launch.py */
    char *workspace;
    int num_trainers;       /* a machine, >= 1 */
    int num_samplers;       /* a trainer, >= 0 */
    char *sampler_cmd;      /* for a shell: the launcher starts the samplers; NULL: trainers do */
    int num_servers;        /* a machine, >= 0; 0: trainers alone */
    int num_server_threads; /* >= 1 */
    int num_omp_threads;    /* >= 1, or 0: not given */
    char *part_config;      /* as given; NULL only with num_servers 0 */
    char *ip_config;        /* as given */
    char *machines;         /* --machines: host names in the order of the parts; NULL */
    bool spare;             /* more machines than parts: the others stay idle */
    int port;               /* of the first servers; PORT_AUTO; 0: not given */
    char *graph_format;
    struct strv extra_envs; /* NAME=VALUE, literal, override everything */
    bool ssh_given;         /* --ssh_port or --ssh_username: a notice */

    /* ours; times in milliseconds, 0 = off where the help says so */
    bool dry_run;
    int print_hostfile; /* enum hostfile_kind; then only ip_config must be given */
    bool only_prints;   /* by its command line, which all ranks have: --dry_run or --print_hostfile;
                           set even when the parse fails */
    long start_timeout_ms;
    long connect_timeout_ms;
    long stall_timeout_ms;
    int stall_action; /* enum stall_action */
    long sample_interval_ms;
    long exit_timeout_ms;
    long kill_grace_ms;
    long lost_timeout_ms;
    int64_t log_size;     /* a log file of so many bytes is rotated; 0: never */
    char *run_dir;        /* NULL: the default; "none": nothing is written */
    struct strv pass_env; /* names, beyond the built-in list; pass_none: nothing travels */
    bool pass_none;
    struct strv server_env; /* NAME=VALUE */
    struct strv trainer_env;
    struct strv sampler_env;
    int watch_samplers;    /* 1: a sampler that dies fails the job */
    int python_hook;       /* 1: a trainer's uncaught Python exception ends it */
    int max_restarts;      /* after failures */
    int max_same_failures; /* in a row, early; 0: any number */
    long restart_delay_ms;
    int preempt_signal; /* number; 0: none */
    long preempt_grace_ms;
    int private_shm;  /* enum private_shm */
    int64_t shm_size; /* bytes; 0: half of the machine's memory */
    char *show;       /* of which processes the console shows the output (show.h); NULL: of all */
    bool timestamps;  /* before each line of a process */
    bool quiet, verbose, help, version;

    /* the command: exactly one of them is set after a successful parse without help/version */
    char *command;    /* one quoted word, for a shell, byte for byte */
    struct strv argv; /* the words after "--", for execve */
};

/* Parses argv over envp over --config's file over the defaults into *o, which need not be
 * initialised. 0, or -1 with err (EXIT_USAGE) naming the option, where it came from (option,
 * environment name, or file) and the remedy. *o may be given to options_free in both cases. */
int options_parse(struct options *o, int argc, char **argv, char **envp, struct err *err);

void options_free(struct options *o);

#endif
