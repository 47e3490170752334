/* keeper: its birth, its one poll loop, its end; and what the rank does when a keeper is killed.
 * Runs in a process of its own, one thread, forked before MPI_Init; knows no MPI.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "keeper/birth.h"
#include "keeper/deaths.h"
#include "keeper/doing.h"
#include "keeper/keeper.h"
#include "keeper/link.h"
#include "keeper/machine.h"
#include "keeper/pipes.h"
#include "keeper/proc.h"
#include "keeper/will.h"

enum {
    SOCKET_FD = BIRTH_FIRST_FD,
    SCRIBE_FD,
    ENTRIES = 6 /* of the poll, before those of the streams */
};

/* What could end the keeper by accident is ignored: Slurm sends USR1 to every process of a step.
 * Returns the signalfd. */
static int take_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT, SIGALRM, SIGTSTP};
    sigset_t wanted;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGHUP);
    birth_take_signals(ignored, sizeof(ignored) / sizeof(ignored[0]), &wanted);
    return signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* A signal from outside counts before the deaths that came with it: Slurm sends TERM to all
 * processes at once. */
static void on_signals(struct machine *m, int fd)
{
    struct signalfd_siginfo info;
    int told = 0;
    bool child = false;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            child = true;
        else if (told == 0)
            told = (int)info.ssi_signo;
    }
    if (told != 0)
        machine_told_to_stop(m, told);
    if (child)
        machine_reap(m);
}

static void report_over(struct machine *m)
{
    if (m->output && !output_finish(m->output, m->reporting == REPORT_NOW))
        return;
    m->timers[TIMER_FLUSH] = CLOCK_NEVER;
    if (m->output && m->rank.state != RANK_GONE && !output_settle(m->output, clock_ms()))
        return;
    m->reporting = REPORT_SENT;
    deaths_report(m);
    link_send_outcome(m);
    link_send_u32(m, MESSAGE_REACHED, STAGE_OVER);
}

static bool finished(const struct machine *m)
{
    return m->stage == STAGE_OVER && m->reporting == REPORT_SENT && m->rank.state >= RANK_DONE &&
           m->will.fd < 0;
}

/* The scribe has something to say. */
static void read_news(struct machine *m)
{
    int number, error;

    if (m->output)
        output_read_news(m->output);
    else
        while (logs_next(&m->logs, &number, &error) > 0)
            continue;
}

/* The entries: the rank's socket, signals, shared memory, deaths, the Python hook, the scribe,
 * then one for each stream. */
static void turn(struct machine *m, int signals, struct pollfd *entries)
{
    size_t streams = 0;

    entries[0] = (struct pollfd){.fd = m->rank.state == RANK_GONE ? -1 : m->socket,
                                 .events = (short)(POLLIN | (m->out.len > 0 ? POLLOUT : 0))};
    entries[1] = (struct pollfd){.fd = signals, .events = POLLIN};
    entries[2] = (struct pollfd){.fd = shm_fd(&m->shm), .events = POLLIN};
    entries[3] = (struct pollfd){.fd = deaths_fd(m), .events = POLLIN};
    entries[4] = (struct pollfd){.fd = m->hooked.fd, .events = POLLIN};
    entries[5] = (struct pollfd){.fd = m->logs.fd, .events = POLLIN};
    if (m->output && m->stage != STAGE_OVER)
        streams = output_poll(m->output, entries + ENTRIES);
    poll(entries, ENTRIES + streams, clock_poll_timeout(clock_ms(), machine_deadline(m)));

    if (entries[1].revents != 0)
        on_signals(m, signals);
    if (entries[2].revents != 0)
        shm_heard(&m->shm, clock_ms());
    if (m->output)
        output_pump(m->output, entries + ENTRIES, streams);
    if (entries[5].revents != 0)
        read_news(m);
    if (entries[4].revents != 0)
        pipes_hear(m);
    if (entries[3].revents != 0)
        deaths_pump(m);
    if (entries[0].revents & (POLLIN | POLLHUP | POLLERR))
        machine_obey(m);
    if (m->output)
        output_tick(m->output, clock_ms());
    machine_tick(m, clock_ms());
    if (m->stage == STAGE_KILL) /* as often as anything ends, so that a fork bomb loses */
        proc_kill_all();
    if (machine_may_report(m))
        report_over(m);
    link_write(m);
}

static _Noreturn void live(pid_t rank, struct ring *ring, const struct spawn_origin *origin)
{
    struct machine m;
    int signals = take_signals(), room = ENTRIES;
    struct pollfd *entries = mem_calloc(ENTRIES, sizeof(*entries));

    if (signals < 0)
        _exit(EXIT_LAUNCHER);
    state_init(&m, rank, SOCKET_FD, origin);
    spawn_begin(&m.origin);
    logs_begin(&m.logs, SCRIBE_FD, ring);
    while (!finished(&m)) {
        if (room < m.n + ENTRIES) {
            room = m.n + ENTRIES;
            entries = mem_realloc(entries, (size_t)room, sizeof(*entries));
        }
        turn(&m, signals, entries);
    }
    free(entries);
    link_write_last_words(&m);
    will_free(&m);
    state_free(&m);
    _exit(EXIT_OK);
}

struct birth {
    pid_t rank;
    const int *pair;
    const struct scribe *scribe;
    const struct spawn_origin *origin;
};

static void be_born(void *arg)
{
    const struct birth *birth = arg;
    const int kept[] = {birth->pair[1], birth->scribe->keeper_fd};

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (birth_keep(kept, 2, false) != 0)
        _exit(EXIT_LAUNCHER);
    file_raise_limit(); /* for the children too */
    live(birth->rank, birth->scribe->ring, birth->origin);
}

int keeper_fork(struct keeper *keeper, struct scribe *scribe, bool escalates, struct err *err)
{
    struct spawn_origin origin;
    struct birth birth = {.rank = getpid(), .scribe = scribe, .origin = &origin};
    int pair[2], error;

    *keeper = (struct keeper){.fd = -1};
    spawn_remember(&origin);
    origin.escalates = escalates;
    doing_open();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return err_set(err, EXIT_LAUNCHER, "cannot make a socketpair: %s", strerror(errno));
    birth.pair = pair;
    keeper->pid = birth_fork("dgl-keeper", be_born, &birth);
    error = errno;
    close(pair[1]);
    close(scribe->keeper_fd);
    scribe->keeper_fd = -1;
    if (keeper->pid < 0) {
        close(pair[0]);
        return spawn_fork_failed(" the keeper", error, err);
    }
    keeper->fd = pair[0];
    return 0;
}

static void name_all(const struct procs *left, struct strv *names)
{
    for (size_t i = 0; i < left->n; i++)
        strv_addf(names, "%s (pid %d, state %c)", left->items[i].name, (int)left->items[i].pid,
                  proc_state(left->items[i].pid));
}

enum cleaning keeper_clean_step(struct ending *progress, pid_t spared, struct strv *left)
{
    struct procs procs = {0};
    enum cleaning result = CLEANING;
    int64_t now = clock_ms();
    struct rusage usage;
    int status;
    pid_t pid;

    proc_kill_all_but(spared);
    do
        pid = proc_reap(&status, &usage);
    while (pid > 0);
    if (pid < 0)
        return CLEANING_DONE;
    ending_left_but(&procs, spared);
    if (procs.n == 0 && spared > 0)
        result = CLEANING_DONE;
    ending_look(progress, &procs, now);
    if (result == CLEANING && ending_is_vain(progress, now))
        result = CLEANING_VAIN;
    if (result == CLEANING_VAIN && left)
        name_all(&procs, left);
    procs_free(&procs);
    return result;
}
