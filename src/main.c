/* main: wiring: options, the scribe, the keeper, MPI, the meeting, the coordinator. It decides only
 * who answers --help, --version, --dry_run and --print_hostfile.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/watchdog.h"
#include "config.h"
#include "coord/coord.h"
#include "coord/launch.h"
#include "coord/meeting.h"
#include "coord/network.h"
#include "coord/peers.h"
#include "coord/regroup.h"
#include "coord/signals.h"
#include "coord/sleepers.h"
#include "job/hostfile.h"
#include "job/job.h"
#include "job/options.h"
#include "job/options_help.h"
#include "job/plan.h"
#include "job/plan_print.h"
#include "keeper/keeper.h"

/* --help and --version need neither MPI nor a job; the first rank answers for all. */
static int answer(const struct options *options, const struct launch *launch)
{
    bool failed = false;

    if (!launch->rank) {
        if (options->help)
            options_help(stdout);
        else
            printf("dgl-mpilaunch %s\n", PACKAGE_VERSION);
        failed = fflush(stdout);
    }
    launch_await_others();
    return failed ? EXIT_LAUNCHER : EXIT_OK;
}

static int print_plan(const struct job *job)
{
    for (size_t i = 0; i < job->notices.n; i++)
        log_notice("%s", job->notices.items[i]);
    plan_print(job, stdout);
    return fflush(stdout) ? EXIT_LAUNCHER : EXIT_OK;
}

enum { OPTIONS_MS = PEERS_OPEN_TIMEOUT_MS / 2, DISMISSED_MS = 1000 };

static void parse(struct options *options, int argc, char **argv, struct err *err)
{
    watchdog_begin(OPTIONS_MS, EXIT_START_TIME,
                   "%s still waits to read the file of --config or to find the current folder: the "
                   "file system does not answer; try 'ls' there by hand",
                   launch_host());
    options_parse(options, argc, argv, environ, err);
    watchdog_end();
}

/* If a file system hangs, this rank must say so itself, before the others take its machine for lost
 * or have waited for rank 0 in vain. */
static void watch_reading(const struct options *options)
{
    int64_t patience = watchdog_shorter(options->start_timeout_ms, options->lost_timeout_ms / 2);

    watchdog_begin(watchdog_shorter(patience, PEERS_OPEN_TIMEOUT_MS / 2), EXIT_START_TIME,
                   "%s still waits to read '%s' (--ip_config) or another of the job's files "
                   "(workspace '%s'): the file system does not answer, or the name server where "
                   "it has host names; try 'ls' there by hand",
                   launch_host(), options->ip_config,
                   options->workspace ? options->workspace : ".");
}

/* Copies the user's environment, before MPI and network_prefer add to it. The caller frees the
 * array alone. */
static char **own_environment(void)
{
    size_t n = 0;
    char **copy;

    while (environ[n])
        n++;
    copy = mem_calloc(n + 1, sizeof(*copy));
    memcpy(copy, environ, n * sizeof(*copy));
    return copy;
}

static int load(struct job *job, struct options *options, char **envp, const struct launch *launch,
                struct err *err)
{
    int rc;

    watch_reading(options);
    rc = options->print_hostfile ? job_load_hosts(job, options, envp, err)
                                 : job_load(job, options, envp, err);
    watchdog_end();
    if (!rc)
        launch_advise(launch, envp, &job->notices);
    return rc;
}

/* At most, of those that rank 0 may be connected to; 0: to none. */
static size_t machines_of(const struct coord_setup *setup)
{
    if (setup->peers->size == 1)
        return 0;
    return setup->job->finds_machines ? (size_t)setup->peers->size : setup->job->hosts.n;
}

/* Rank 0 loads the job, unless the options are wrong. Then all ranks meet and learn whether it can
 * run. 0, or -1 with err->code to leave with: 0 when the plan was only to be printed. */
static int meet(struct coord_setup *setup, struct options *options, char **envp,
                const struct launch *launch, struct err *err)
{
    bool is_first = setup->peers->rank == 0;
    bool dry_run = options->dry_run; /* job_load takes the options over */
    struct job *job = NULL;
    int verdict = 0;

    if (is_first && !err->code && !load(setup->job, options, envp, launch, err) &&
        !launch_check_files(machines_of(setup), err))
        job = setup->job;
    if (is_first && job && dry_run)
        verdict = print_plan(job) ? EXIT_LAUNCHER : MEETING_DONE;
    else if (is_first && err->code)
        log_error("%s", err->text);
    *err = (struct err){.code = is_first ? err->code : 0};
    if (!meeting_hold(setup->meeting, setup->peers, job, verdict ? verdict : err->code, launch,
                      err)) {
        setup->job = job;
        return 0;
    }
    if (err->text[0])
        log_error("%s", err->text);
    if (err->code == MEETING_DONE)
        err->code = EXIT_OK;
    return -1;
}

static struct peers *open_peers(const struct launch *launch, const struct options *options,
                                struct err *err)
{
    struct err why = {0};

    if (launch->use_mpi && launch_check_shm(&why))
        log_warning("%s", why.text); /* if MPI ends here, this is all that the user is told */
    if (launch->use_mpi && !err->code) {
        watch_reading(options);
        network_prefer(options);
        watchdog_end();
    }
    return peers_open(launch, err);
}

/* Waits for the end of a keeper without a plan, since it holds the rank's stderr. */
static void dismiss_keeper(const struct coord_setup *setup)
{
    close(setup->keeper.fd);
    waitpid(setup->keeper.pid, NULL, 0);
    scribe_leave(setup->scribe, DISMISSED_MS);
}

/* A rank beyond one a machine. */
static _Noreturn void sleep_until_over(struct coord_setup *setup)
{
    struct err err = {0};
    int code;
    int fd = sleepers_connect(setup->meeting->announce.key, setup->meeting->machine, &err);

    dismiss_keeper(setup);
    signals_hold();
    signals_watch(setup->meeting->announce.preempt_signal);
    code = sleepers_sleep(fd, signals_fd(), &setup->parent);
    if (fd < 0 && code == EXIT_LAUNCHER)
        log_error("%s", err.text);
    peers_leave(setup->peers, code, PARTING_DONE);
}

/* Does not return where rank 0 has called this rank into the place of one that is lost. */
static void join_if_called(struct coord_setup *setup)
{
    struct err err = {0};
    struct buf data;

    if (!peers_called(setup->peers, &data))
        return;
    if (!coord_join(setup, &data, &err))
        coord_run(setup);
    log_error("%s", err.text);
    peers_abort(setup->peers, EXIT_LAUNCHER);
}

/* A rank of a machine that the job does not use. A signal is for the job: the ranks that run it get
 * it too. */
static _Noreturn void idle_until_over(struct coord_setup *setup)
{
    enum { LOOK_MS = 250 };
    int code = EXIT_LAUNCHER;
    enum parting parting = PARTING_DONE;

    if (!setup->meeting->may_be_called)
        dismiss_keeper(setup);
    signals_hold();
    signals_watch(setup->meeting->announce.preempt_signal);
    while (!peers_woken(setup->peers, &code, &parting)) {
        struct pollfd entries[] = {{.fd = signals_fd(), .events = POLLIN},
                                   {.fd = setup->parent.fd, .events = POLLIN}};

        join_if_called(setup);
        poll(entries, 2, LOOK_MS);
        while (signals_take())
            ;
        if (launch_parent_gone(&setup->parent, entries[1].revents)) {
            code = EXIT_LAUNCHER;
            break;
        }
    }
    if (setup->meeting->may_be_called)
        dismiss_keeper(setup);
    peers_leave(setup->peers, code, parting);
}

static _Noreturn void leave_early(const struct err *err)
{
    log_error("%s", err->text);
    launch_leave_early(err->code);
}

/* Does every rank know it before MPI_Init? The others have rank 0's command line, but neither its
 * environment nor its --config's file. */
static bool only_prints(const struct options *options, const struct launch *launch)
{
    return options->only_prints || (options->dry_run && !launch->use_mpi);
}

static int print_hostfile(const struct job *job)
{
    struct err err = {0};

    if (hostfile_print(&job->hosts, job->options.print_hostfile, job->options.ip_config, stdout,
                       &err))
        log_error("%s", err.text);
    return fflush(stdout) ? EXIT_LAUNCHER : err.code;
}

/* The first rank prints the plan or the hostfile, without MPI. */
static int print_only(struct options *options, const struct launch *launch, struct err *err)
{
    struct job job;
    int code = EXIT_OK;

    if (!launch->rank && (err->code || load(&job, options, environ, launch, err))) {
        log_error("%s", err->text);
        code = err->code;
    } else if (!launch->rank) {
        code = job.options.print_hostfile ? print_hostfile(&job) : print_plan(&job);
    }
    launch_await_others();
    return code;
}

int main(int argc, char **argv)
{
    struct launch launch;
    struct options options;
    struct err err = {0};
    struct meeting meeting;
    struct scribe scribe;
    struct job job;
    char **envp;
    int rc;
    struct coord_setup setup = {.meeting = &meeting, .job = &job, .scribe = &scribe};

    signals_remember();
    file_open_standard();
    watchdog_leave_by(launch_leave_early);
    if (launch_check_files(0, &err))
        leave_early(&err);
    launch_look(&launch, environ);
    parse(&options, argc, argv, &err);
    if (!err.code && (options.help || options.version))
        return answer(&options, &launch);
    if (only_prints(&options, &launch))
        return print_only(&options, &launch, &err);
    envp = own_environment();
    setup.parent = launch_watch_parent(&launch);
    if (scribe_fork(&scribe, &err) || keeper_fork(&setup.keeper, &scribe, launch.escalates, &err) ||
        signals_open(&err) || !(setup.peers = open_peers(&launch, &options, &err)))
        leave_early(&err);
    watchdog_leave_by(launch_abort);
    rc = meet(&setup, &options, envp, &launch, &err);
    free(envp);
    if (rc) {
        dismiss_keeper(&setup);
        peers_assemble(setup.peers); /* MPICH's mpirun kills those that have not left yet */
        peers_leave(setup.peers, err.code, PARTING_DONE);
    }
    if (meeting.is_spare)
        idle_until_over(&setup);
    if (meeting.sleeps)
        sleep_until_over(&setup);
    coord_run(&setup);
}
