/* main: wiring. Options, the keeper, MPI, the meeting, then the coordinator; no decision of its own
 * but what is done without MPI (--help, --version, --dry_run).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "config.h"
#include "coord/coord.h"
#include "coord/launch.h"
#include "coord/meeting.h"
#include "coord/peers.h"
#include "coord/signals.h"
#include "coord/sleepers.h"
#include "job/job.h"
#include "job/options.h"
#include "job/plan.h"
#include "keeper/keeper.h"

extern char **environ;

/* --help, --version and --dry_run need no other rank; the first rank answers for all. */
static int answer_alone(struct options *options, const struct launch *launch)
{
    struct err err = {0};
    struct job job;

    if (launch->rank)
        return EXIT_OK;
    if (options->help) {
        options_help(stdout);
    } else if (options->version) {
        printf("dgl-mpilaunch %s\n", PACKAGE_VERSION);
    } else if (job_load(&job, options, environ, &err)) {
        log_error("%s", err.text);
        return err.code;
    } else {
        for (size_t i = 0; i < job.notices.n; i++)
            log_notice("%s", job.notices.items[i]);
        plan_print(&job, stdout);
        job_free(&job);
    }
    return fflush(stdout) ? EXIT_LAUNCHER : EXIT_OK;
}

static struct peers *open_peers(const struct launch *launch, struct err *err)
{
#ifdef HAVE_MPI
    struct peers *peers = launch->use_mpi ? peers_mpi_open(err) : peers_solo_open();
#else
    struct peers *peers = peers_solo_open();
#endif

    if (!peers || !launch_check(launch, peers->size, peers->name, err))
        return peers;
    if (launch->rank == 0) /* N singletons would all say it */
        log_error("%s", err->text);
    peers_abort(peers, err->code);
}

/* Rank 0 loads the job unless the options were wrong already; all ranks meet and learn the verdict.
 */
static int meet(struct coord_setup *setup, struct options *options, const struct launch *launch,
                struct err *err)
{
    bool is_first = setup->peers->rank == 0;
    struct job *job = NULL;

    if (is_first && !err->code && !job_load(setup->job, options, environ, err))
        job = setup->job;
    if (!is_first)
        *err = (struct err){0};
    if (is_first && err->code)
        log_error("%s", err->text);
    if (meeting_hold(setup->meeting, setup->peers, job, is_first ? err->code : 0, launch, err)) {
        if (err->text[0])
            log_error("%s", err->text);
        return -1;
    }
    setup->job = job;
    return 0;
}

/* A rank beyond one a machine. */
static _Noreturn void sleep_until_over(struct coord_setup *setup)
{
    struct err err = {0};
    int code = EXIT_LAUNCHER;
    int fd = sleepers_connect(setup->meeting->announce.key, setup->meeting->machine, &err);

    close(setup->keeper.fd);
    signals_hold();
    if (fd < 0)
        log_error("%s", err.text);
    else
        code = sleepers_sleep(fd, signals_fd(), setup->parent_fd);
    peers_leave(setup->peers, code);
}

int main(int argc, char **argv)
{
    struct launch launch;
    struct options options;
    struct err err = {0};
    struct meeting meeting;
    struct job job;
    struct coord_setup setup = {.meeting = &meeting, .job = &job};

    launch_look(&launch, environ);
    options_parse(&options, argc, argv, environ, &err);
    if (!err.code && (options.help || options.version || options.dry_run))
        return answer_alone(&options, &launch);
    /* a shell that started us alone may end before we do (nohup); a process manager may not */
    setup.parent_fd = launch.use_mpi ? (int)syscall(SYS_pidfd_open, getppid(), 0) : -1;
    if (keeper_fork(&setup.keeper, &err) || signals_open(&err) ||
        !(setup.peers = open_peers(&launch, &err))) {
        log_error("%s", err.text);
        return err.code;
    }
    if (meet(&setup, &options, &launch, &err))
        peers_leave(setup.peers, err.code);
    if (meeting.sleeps)
        sleep_until_over(&setup);
    coord_run(&setup);
}
