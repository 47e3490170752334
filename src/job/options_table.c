/* options_table: the one table of options. The options of DGL's tools/launch.py have its names and
 * defaults, so that its command lines work unchanged. Knows nothing of argv, the environment or
 * files.
 */
#include "job/options_table.h"

#include <signal.h>
#include <string.h>

#include "job/hostfile.h"

#define AT(member) .offset = offsetof(struct options, member)
enum { THREADS = 65536, YEAR = 31536000 };

const char *const options_group_titles[GROUP_COUNT] = {
    [GROUP_WHAT] = "What to run, and where",
    [GROUP_PROCESSES] = "Processes",
    [GROUP_ENVIRONMENT] = "Environment of the processes",
    [GROUP_TIME] = "Time limits, in seconds (0.5 is allowed)",
    [GROUP_FAILURE] = "Failures, pre-emption, shared memory",
    [GROUP_OUTPUT] = "Output",
    [GROUP_OTHER] = "Other",
};

static const struct option_choice off_or_on[] = {{"off", 0}, {"on", 1}, {NULL, 0}};
static const struct option_choice shm_choices[] = {
    {"auto", PRIVATE_SHM_AUTO}, {"on", PRIVATE_SHM_ON}, {"off", PRIVATE_SHM_OFF}, {NULL, 0}};
static const struct option_choice signals[] = {
    {"none", 0}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {NULL, 0}};

static const struct option_choice stall_choices[] = {
    {"report", STALL_REPORT}, {"stop", STALL_STOP}, {"restart", STALL_RESTART}, {NULL, 0}};

static const struct option_choice hostfiles[] = {
    {"openmpi", HOSTFILE_OPENMPI}, {"mpich", HOSTFILE_MPICH}, {"slurm", HOSTFILE_SLURM}, {NULL, 0}};

const struct option_spec options_table[] = {
    {"workspace", OPTION_TEXT, GROUP_WHAT, AT(workspace), .metavar = "DIR", .required = true,
     .help = "The folder, on every machine, in which all processes start. A relative path counts "
             "from rank 0's current folder."},
    {"ip_config", OPTION_TEXT, GROUP_WHAT, AT(ip_config), .metavar = "FILE|auto[:NETWORK]",
     .required = true,
     .help = "The list of machines: one IPv4 address a line, and after it, if wanted, the port of "
             "its first server (else 30050). Relative to the workspace, or absolute. Where a line "
             "has a host name, or --port is given, the launcher writes a list of its own, which "
             "the processes find by $DGL_IP_CONFIG or {ip_config}. 'auto' makes the list of the "
             "machines on which mpirun has started ranks, in the order of ranks, with the "
             "addresses of the fastest network on which they reach each other; auto:eth1 or "
             "auto:10.0.0.0/8 name the network."},
    {"machines", OPTION_TEXT, GROUP_WHAT, AT(machines), .metavar = "LIST",
     .says = "the order of ranks",
     .help = "With --ip_config auto, the order in which machines get the partitions: a comma list "
             "of host names as the machines call themselves."},
    {"spare", OPTION_FLAG, GROUP_WHAT, AT(spare),
     .help = "Where there are more machines than partitions, those beyond them stay idle until the "
             "end: the last of the order or of the file, and ranks whose machine is not in the "
             "file. Without it that is an error. With --max_restarts one of them takes the place "
             "of a machine that is lost, where MPI outlives the loss (srun --no-kill, or MPICH's "
             "mpirun -disable-auto-cleanup)."},
    {"port", OPTION_PORT, GROUP_WHAT, AT(port), .metavar = "PORT|auto",
     .says = "30050; auto where the launcher writes the list",
     .help = "The port of each machine's first server, where its line in ip_config names none. "
             "auto: the first from 30050 on from which so many ports are free on all machines, "
             "outside the ports that the kernel gives to clients."},
    {"part_config", OPTION_TEXT, GROUP_WHAT, AT(part_config), .metavar = "FILE", .required = true,
     .help = "The JSON file that DGL's partitioning wrote; it must have as many partitions as "
             "there are machines. Relative to the workspace, or absolute. With --num_servers 0 it "
             "may be left out."},
    {"num_trainers", OPTION_COUNT, GROUP_PROCESSES, AT(num_trainers), .metavar = "N", .min = 1,
     .max = PROCESSES_MAX, .required = true, .help = "Trainers on each machine."},
    {"num_samplers", OPTION_COUNT, GROUP_PROCESSES, AT(num_samplers), .fallback = "0",
     .metavar = "N", .max = PROCESSES_MAX,
     .help = "Sampler processes of each trainer. The trainer starts them itself, unless "
             "--sampler_cmd is given."},
    {"sampler_cmd", OPTION_TEXT, GROUP_PROCESSES, AT(sampler_cmd), .metavar = "COMMAND",
     .says = "trainers start their own samplers",
     .help = "A shell command in one quoted word. When all servers listen, the launcher starts it "
             "num_samplers times for each trainer. It must join DGL as a sampler and feed its "
             "trainer; DGL_JOB_TRAINER_RANK, DGL_JOB_SAMPLER_ID, DGL_JOB_NUM_SAMPLERS and "
             "DGL_JOB_DIR tell it which one and where. Trainers then see DGL_NUM_SAMPLER=0. "
             "examples/sampler.py is such a program."},
    {"num_servers", OPTION_COUNT, GROUP_PROCESSES, AT(num_servers), .metavar = "N",
     .max = PROCESSES_MAX, .required = true,
     .help = "Graph servers on each machine. 0 runs trainers alone, with torch's variables and "
             "without DGL's."},
    {"num_server_threads", OPTION_COUNT, GROUP_PROCESSES, AT(num_server_threads), .fallback = "1",
     .metavar = "N", .min = 1, .max = THREADS, .help = "OMP_NUM_THREADS of each server."},
    {"num_omp_threads", OPTION_COUNT, GROUP_PROCESSES, AT(num_omp_threads),
     .says = "rank 0's OMP_NUM_THREADS, else the machine's CPUs / 2 / num_trainers, at least 1",
     .metavar = "N", .min = 1, .max = THREADS, .help = "OMP_NUM_THREADS of each trainer."},
    {"graph_format", OPTION_FORMATS, GROUP_PROCESSES, AT(graph_format), .fallback = "csc",
     .metavar = "LIST",
     .help = "Formats in which the servers hold the graph: a comma list of coo, csr, csc."},
    {"extra_envs", OPTION_ENVS, GROUP_ENVIRONMENT, AT(extra_envs), .metavar = "NAME=VALUE...",
     .help = "Sets variables of all processes; every following word of this form belongs to it. "
             "Values are literal and override everything else."},
    {"server_env", OPTION_ENVS, GROUP_ENVIRONMENT, AT(server_env), .metavar = "NAME=VALUE...",
     .help = "The same for servers only; --extra_envs overrides it."},
    {"trainer_env", OPTION_ENVS, GROUP_ENVIRONMENT, AT(trainer_env), .metavar = "NAME=VALUE...",
     .help = "The same for trainers only; --extra_envs overrides it."},
    {"sampler_env", OPTION_ENVS, GROUP_ENVIRONMENT, AT(sampler_env), .metavar = "NAME=VALUE...",
     .help = "The same for the samplers of --sampler_cmd only; --extra_envs overrides it."},
    {"pass_env", OPTION_NAMES, GROUP_ENVIRONMENT, AT(pass_env),
     .none_offset = offsetof(struct options, pass_none), .metavar = "NAMES",
     .help = "Further variables of rank 0's environment that go to all machines: a comma list, in "
             "which NAME* stands for all that begin so. PATH LD_LIBRARY_PATH PYTHONPATH "
             "VIRTUAL_ENV CONDA_* DGL* OMP_* MKL_* NCCL_* GLOO_* CUDA_* always go. "
             "*_SOCKET_IFNAME NCCL_IB_HCA OMP_PLACES OMP_PROC_BIND CUDA_MPS_* go only to a "
             "machine that has no value of its own. CUDA_VISIBLE_DEVICES and its like never go. "
             "'none': nothing goes."},
    {"start_timeout", OPTION_SECONDS, GROUP_TIME, AT(start_timeout_ms), .fallback = "0",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long the servers of all machines may take until all of them listen. 0: no "
             "limit."},
    {"connect_timeout", OPTION_SECONDS, GROUP_TIME, AT(connect_timeout_ms), .fallback = "0",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long trainers and samplers may take, from the start of the trainers on, until "
             "each is connected to each server. Then the job fails, and the launcher names the "
             "server, who is missing, and a host outside the job that has taken a client's place. "
             "0: no limit."},
    {"stall_timeout", OPTION_SECONDS, GROUP_TIME, AT(stall_timeout_ms), .fallback = "0",
     .metavar = "SECONDS", .max = YEAR,
     .help = "Two things count: no process of any machine has printed, computed, read, written or "
             "sent anything for so long while trainers run; or a trainer ended well so long ago "
             "and others still run, even if these work. Then the launcher prints what all do, "
             "says who is the odd one out, and does what --stall_action says. Set it longer than "
             "the longest pause of the job, and than what one trainer does alone at the end. "
             "Before Linux 5.7 files that are read or written are not seen. It needs "
             "--sample_interval, which must not be longer. 0: no limit."},
    {"exit_timeout", OPTION_SECONDS, GROUP_TIME, AT(exit_timeout_ms), .fallback = "60",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long the servers may take to leave by themselves when all trainers have ended "
             "well. 0: the launcher stops them at once."},
    {"kill_grace", OPTION_SECONDS, GROUP_TIME, AT(kill_grace_ms), .fallback = "5",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long processes have between SIGTERM and SIGKILL when the job is stopped. 0: "
             "SIGKILL at once."},
    {"lost_timeout", OPTION_SECONDS, GROUP_TIME, AT(lost_timeout_ms), .fallback = "60",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long a machine may be silent before it counts as lost and the job is stopped. "
             "0: for ever, as you want it when you stop a rank in a debugger."},
    {"max_restarts", OPTION_COUNT, GROUP_FAILURE, AT(max_restarts), .fallback = "0", .metavar = "N",
     .max = 1000000,
     .help =
         "How often the whole job is started again after a failure of its processes, on the "
         "same ranks. Not after wrong usage or a signal from outside; after the loss of a machine "
         "only where --spare has another one."},
    {"max_same_failures", OPTION_COUNT, GROUP_FAILURE, AT(max_same_failures), .fallback = "3",
     .metavar = "N", .max = 100,
     .help = "After so many attempts in a row that failed in the same way (process, exit code or "
             "signal, exception), each before its trainers had run for a minute, no further one "
             "follows: it would fail too. 0: --max_restarts alone counts."},
    {"restart_delay", OPTION_SECONDS, GROUP_FAILURE, AT(restart_delay_ms), .fallback = "1",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long the launcher waits before the first restart. Each further wait is twice as "
             "long, up to 60 s or, if that is longer, this value."},
    {"stall_action", OPTION_CHOICE, GROUP_FAILURE, AT(stall_action), .fallback = "report",
     .metavar = "report|stop|restart", .choices = stall_choices,
     .help =
         "What follows when --stall_timeout has passed. report: the job goes on. stop: it fails "
         "with 124. restart: it fails so too, but another attempt may follow "
         "(--max_restarts); --max_same_failures ends such a series only where the trainers "
         "have not run for a minute."},
    {"preempt_signal", OPTION_CHOICE, GROUP_FAILURE, AT(preempt_signal), .fallback = "none",
     .metavar = "SIGNAL", .choices = signals,
     .help = "none, USR1 or USR2. When a rank gets this signal (from Slurm's --signal, or from "
             "mpirun, which passes it on), the launcher sends it to the trainers alone, so that "
             "they write a checkpoint; the job then ends with 75. MPICH's mpirun dies of USR2."},
    {"preempt_grace", OPTION_SECONDS, GROUP_FAILURE, AT(preempt_grace_ms), .fallback = "60",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How long the job may take to end by itself after --preempt_signal; then it is "
             "stopped."},
    {"watch_samplers", OPTION_CHOICE, GROUP_FAILURE, AT(watch_samplers), .fallback = "on",
     .metavar = "on|off", .choices = off_or_on,
     .help = "Whether the job fails when a sampler process of a trainer dies; DGL itself would "
             "wait 1800 s for it. A sampler here is a multiprocessing worker of a trainer that is "
             "connected to the servers."},
    {"python_hook", OPTION_CHOICE, GROUP_FAILURE, AT(python_hook), .fallback = "on",
     .metavar = "on|off", .choices = off_or_on,
     .help = "Whether a trainer, or a sampler of --sampler_cmd, that ends by a Python exception "
             "exits soon; without the hook DGL's barrier at exit keeps it alive for ever. The "
             "hook is a sitecustomize.py in front of their PYTHONPATH."},
    {"private_shm", OPTION_CHOICE, GROUP_FAILURE, AT(private_shm), .fallback = "auto",
     .metavar = "auto|on|off", .choices = shm_choices,
     .help = "Whether the job's processes of a machine have a /dev/shm of their own, which "
             "vanishes with them. auto: where CAP_SYS_ADMIN allows it; elsewhere the launcher "
             "removes what they leave. on: without that right too, by a user namespace."},
    {"shm_size", OPTION_SIZE, GROUP_FAILURE, AT(shm_size), .says = "half of the machine's memory",
     .metavar = "BYTES", .help = "Size of a private /dev/shm, such as 8G or 500M."},
    {"run_dir", OPTION_TEXT, GROUP_OUTPUT, AT(run_dir), .metavar = "DIR",
     .says = "WORKSPACE/dgl-mpilaunch-runs/JOB_ID",
     .help =
         "Where log files and the report go. The launcher makes it with mode 0700, unless it is "
         "there already. 'none': nothing is written, and the job waits as long as the reader of "
         "its output pauses."},
    {"log_size", OPTION_SIZE, GROUP_OUTPUT, AT(log_size), .says = "no limit", .metavar = "BYTES",
     .help = "A log file that would become longer than this, such as 500M, is renamed to "
             "NAME.log.1, over an older one, and begun anew. So the last lines of each process "
             "are kept, in twice as much at most."},
    {"show", OPTION_TEXT, GROUP_OUTPUT, AT(show), .says = "all", .metavar = "LIST",
     .help = "Of which processes the console shows the output: a comma list such as "
             "server,trainer:0,sampler:0-3, or 'none'. A sampler is one of --sampler_cmd; those "
             "that a trainer starts are shown with it. The log files have the output of all."},
    {"timestamps", OPTION_FLAG, GROUP_OUTPUT, AT(timestamps),
     .help =
         "Puts HH:MM:SS.mmm before each line of a process on the console: the local time of its "
         "machine when the launcher read it. The log files have the lines as they are."},
    {"sample_interval", OPTION_SECONDS, GROUP_OUTPUT, AT(sample_interval_ms), .fallback = "2",
     .metavar = "SECONDS", .max = YEAR,
     .help = "How often the launcher looks at what the processes use: CPU, memory, threads, open "
             "files; and at the machine's memory and /dev/shm, of which it warns when they are 90 "
             "% full. Peaks and curves are in the report. 0: never. All looks together take at "
             "most 0.5 % of a core: where they would take more, they come less often."},
    {"quiet", OPTION_FLAG, GROUP_OUTPUT, AT(quiet),
     .help = "The launcher itself prints errors only."},
    {"verbose", OPTION_FLAG, GROUP_OUTPUT, AT(verbose),
     .help = "The launcher also prints what happens when."},
    {"dry_run", OPTION_FLAG, GROUP_OTHER, AT(dry_run),
     .help = "Prints what would run on each machine and starts nothing; needs no mpirun."},
    {"print_hostfile", OPTION_CHOICE, GROUP_OTHER, AT(print_hostfile), .choices = hostfiles,
     .metavar = "KIND", .not_in_file = true,
     .help = "Prints the machines of --ip_config, one rank each, and starts nothing: as openmpi "
             "(for mpirun -hostfile), mpich (for the -f of MPICH and Intel MPI) or slurm (for srun "
             "--nodelist=./FILE: node names, as /etc/hosts or DNS has them). No other option need "
             "be given; a relative --ip_config counts from --workspace, else from the current "
             "folder."},
    {"config", OPTION_CONFIG, GROUP_OTHER, .metavar = "FILE",
     .help = "A JSON object whose keys are names of options, and \"command\". The command line and "
             "the environment override it."},
    {"ssh_port", OPTION_IGNORED, GROUP_OTHER, AT(ssh_given), .metavar = "PORT",
     .help = "Accepted because launch.py has it, and ignored: mpirun starts the ranks."},
    {"ssh_username", OPTION_IGNORED, GROUP_OTHER, AT(ssh_given), .metavar = "NAME",
     .help = "Accepted and ignored, as --ssh_port is."},
    {"version", OPTION_FLAG, GROUP_OTHER, AT(version), .not_in_file = true,
     .help = "Prints the version and exits."},
    {"help", OPTION_FLAG, GROUP_OTHER, AT(help), .not_in_file = true,
     .help = "Prints this and exits, as -h does."},
};

const size_t options_table_size = sizeof(options_table) / sizeof(options_table[0]);

_Static_assert(sizeof(options_table) / sizeof(options_table[0]) <= OPTIONS_TABLE_MAX,
               "raise OPTIONS_TABLE_MAX");

static char same_dash(char c)
{
    return (char)(c == '-' ? '_' : c);
}

static bool begins_with(const char *own, const char *name, size_t len)
{
    size_t k = 0;

    while (k < len && own[k] && own[k] == same_dash(name[k]))
        k++;
    return k == len;
}

const struct option_spec *options_table_find(const char *name, size_t len)
{
    for (size_t i = 0; i < options_table_size; i++)
        if (begins_with(options_table[i].name, name, len) && !options_table[i].name[len])
            return &options_table[i];
    return NULL;
}

int options_table_count(const char *name, size_t len, const struct option_spec **last)
{
    int n = 0;

    for (size_t i = 0; i < options_table_size; i++) {
        if (!begins_with(options_table[i].name, name, len))
            continue;
        n++;
        *last = &options_table[i];
    }
    return n;
}

enum { NAME_MAX_LEN = 32 };

/* Levenshtein's distance of two names, each at most NAME_MAX_LEN long. */
static size_t distance(const char *own, const char *name, size_t len)
{
    size_t row[NAME_MAX_LEN + 1];
    size_t own_len = strlen(own);

    for (size_t k = 0; k <= len; k++)
        row[k] = k;
    for (size_t i = 1; i <= own_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t k = 1; k <= len; k++) {
            size_t best = diagonal + (own[i - 1] != same_dash(name[k - 1]));

            diagonal = row[k];
            if (row[k] + 1 < best)
                best = row[k] + 1;
            if (row[k - 1] + 1 < best)
                best = row[k - 1] + 1;
            row[k] = best;
        }
    }
    return row[len];
}

const struct option_spec *options_table_nearest(const char *name, size_t len)
{
    const struct option_spec *nearest = NULL;
    size_t best = 2 + len / 4; /* one slip in four letters, and at least one */

    if (len > NAME_MAX_LEN)
        return NULL;
    for (size_t i = 0; i < options_table_size; i++) {
        size_t d = distance(options_table[i].name, name, len);

        if (d >= best || d >= len)
            continue;
        best = d;
        nearest = &options_table[i];
    }
    return nearest;
}
