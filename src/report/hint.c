/* hint: tables of experience with DGL, Python and clusters. Knows nothing of the job but the cause.
 */
#include "report/hint.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "report/sentence.h"

static const char sent_by_others[] =
    "somebody other than dgl-mpilaunch sent it: a user, the batch system, or the program";
static const char processes_limit[] =
    "the limit of processes was reached: see 'ulimit -u' and the cgroup's pids.max";

struct numbered {
    int number;
    const char *hint;
};

static const struct numbered of_signal[] = {
    {SIGKILL,
     "a SIGKILL that dgl-mpilaunch did not send is often the out-of-memory killer: 'dmesg' "
     "on that machine tells; fewer trainers or smaller batches need less memory"},
    {SIGSEGV,
     "a crash in native code; '--trainer_env PYTHONFAULTHANDLER=1' (or --server_env) makes "
     "Python print where"},
    {SIGBUS, "SIGBUS is often a full shared memory: see 'df -h /dev/shm' on that machine"},
    {SIGABRT, "an abort in native code, often an uncaught C++ exception; its words are in the last "
              "lines"},
    {SIGILL, "a processor that lacks an instruction the program was built for: are all machines of "
             "one kind?"},
    {SIGFPE, "an integer division by zero in native code; PYTHONFAULTHANDLER=1 makes Python print "
             "where"},
    {SIGXCPU, "the limit of CPU time was reached: see 'ulimit -t' and the batch system's limits"},
    {SIGXFSZ, "the limit of file size was reached: see 'ulimit -f'"},
    {SIGTERM, sent_by_others},
    {SIGINT, sent_by_others},
    {SIGHUP, sent_by_others},
};

/* Overrule of_signal where these words are in the cause's own text (src/keeper/explain.c). */
static const struct {
    int number;
    const char *words; /* in the text */
    const char *hint;
} of_text[] = {
    {SIGKILL, "out of memory", "fewer trainers or samplers, or smaller batches, need less memory"},
    {SIGKILL, "memory killer was not",
     "a user, the batch system (a limit of memory or time?), or a "
     "daemon such as systemd-oomd or earlyoom"},
    {SIGBUS, " is full",
     "shared memory holds the graph, its features and the batches of samplers: "
     "--shm_size gives the job more; a container has an option of its own (--shm-size)"},
    {SIGBUS, " free now",
     "where the shared memory was not full at that moment, a file that the "
     "process had mapped has become shorter"},
};

static const struct numbered of_exit_code[] = {
    {126, "a shell exits with 126 when it finds a command that it may not run: is it executable?"},
    {127, "a shell exits with 127 when it does not find a command: is it installed on that machine "
          "and in PATH?"},
};

static const struct numbered of_errno[] = {
    {ENOENT,
     "it must be there on every machine; a script's first line may name an interpreter that "
     "is missing"},
    {ENOTDIR, "a part of the path is a file, not a folder"},
    {EACCES, "is it executable ('chmod +x'), and on a file system that allows programs?"},
    {EISDIR, "a folder cannot be run"},
    {ENOEXEC, "it is no program of this machine; a script needs a first line such as "
              "'#!/usr/bin/env python3'"},
    {EAGAIN, processes_limit},
    {ENOMEM, "that machine is out of memory"},
    {E2BIG,
     "one argument or variable is longer than 128 KiB, which no program can be given, or all of "
     "them together are too long"},
};

static const char *const of_how[HOW_COUNT] = {
    [HOW_LEFT_EARLY] = "does the script call 'dgl.distributed.initialize' in its servers too, and "
                       "does no trainer shut them down before all have ended?",
    [HOW_RAISED] = "a PYTHONPATH of the command's own must keep what is in it: "
                   "PYTHONPATH=/your/folder:$PYTHONPATH; python3 -E and -I leave it out",
    [HOW_CHECK_FAILED] = "no process of the job was started",
    [HOW_START_TIMEOUT] =
        "their log files tell what they were doing; a longer --start_timeout, or 0 "
        "for none, gives them more time",
    [HOW_CONNECT_TIMEOUT] =
        "trainers and samplers connect in dgl.distributed.initialize(): their log files tell what "
        "they were doing, and a longer --connect_timeout gives them more time; a host outside the "
        "job that has taken a client's place must be kept from the port (by a firewall, or by "
        "another port behind the addresses in ip_config)",
    [HOW_STALLED] =
        "the lines above, and state.txt in the run folder, show what each process did; a "
        "longer --stall_timeout bears a longer pause",
    [HOW_TOLD_TO_STOP] = "a user, mpirun, srun or the batch system sent it (its time limit?)",
    [HOW_PARENT_GONE] = "mpirun, srun or their daemon on that machine was killed or has crashed",
    [HOW_PREEMPTED] = "75 asks a batch script to queue the job again; the trainers had got the "
                      "signal, to write a checkpoint",
    [HOW_LOST] = "is that machine up and reachable, and its rank not stopped? --lost_timeout sets "
                 "how long silence is borne",
};

/* Words in the last lines that tell more than the exit code does. */
static const struct {
    const char *words;
    const char *hint;
} of_words[] = {
    {"ModuleNotFoundError", "activate the virtual environment where you type mpirun: PATH and "
                            "VIRTUAL_ENV go to all machines; it must be there on each"},
    {"Address already in use", "something else listens on that port; name another one behind the "
                               "addresses in ip_config"},
    {"No space left on device",
     "a disk or the shared memory is full: see 'df -h . /dev/shm' on that "
     "machine"},
    {"Cannot allocate memory", "that machine is out of memory: fewer trainers or smaller batches "
                               "need less"},
    {"Resource temporarily unavailable", "if a fork or a thread failed, the limit of processes was "
                                         "reached: see 'ulimit -u' and the cgroup's pids.max"},
    {"can't start new thread", processes_limit},
    {"Too many open files", "the hard limit of open files is too low for so many clients: see "
                            "'ulimit -Hn'"},
};

static const char rank_died[] = "who has killed dgl-mpilaunch there? The kernel may have, for want "
                                "of memory (see 'dmesg'), or a "
                                "batch system";

#define SIZE(table) (sizeof(table) / sizeof((table)[0]))

static const char *find(const struct numbered *table, size_t n, int number)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].number == number)
            return table[i].hint;
    return NULL;
}

static const char *find_words(const struct strv *lines)
{
    for (size_t i = lines->n; i-- > 0;)
        for (size_t k = 0; k < SIZE(of_words); k++)
            if (strstr(lines->items[i], of_words[k].words))
                return of_words[k].hint;
    return NULL;
}

static const char *of_killed(const struct cause *cause, int signal)
{
    for (size_t i = 0; cause->text && i < SIZE(of_text); i++)
        if (of_text[i].number == signal && strstr(cause->text, of_text[i].words))
            return of_text[i].hint;
    return find(of_signal, SIZE(of_signal), signal);
}

static const char *of_exit(const struct cause *cause)
{
    const char *hint = find(of_exit_code, SIZE(of_exit_code), cause->value);

    if (!hint && report_shell_signal(cause->value))
        hint = of_killed(cause, report_shell_signal(cause->value));
    return hint ? hint : find_words(&cause->last_lines);
}

const char *report_hint(const struct cause *cause)
{
    switch (cause->how) {
    case HOW_EXITED: return of_exit(cause);
    case HOW_SIGNALED: return of_killed(cause, cause->value);
    case HOW_EXEC_FAILED: return find(of_errno, SIZE(of_errno), cause->value);
    case HOW_LOST: return cause->value ? rank_died : of_how[HOW_LOST];
    default: return (unsigned)cause->how < HOW_COUNT ? of_how[cause->how] : NULL;
    }
}
