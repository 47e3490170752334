/* test_coord: without MPI: the tree, the heartbeat, who launched us, the announcement, the
 * sleepers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "coord/announce.h"
#include "coord/keeper_link.h"
#include "coord/launch.h"
#include "coord/peers.h"
#include "coord/pulse.h"
#include "coord/signals.h"
#include "coord/sleepers.h"
#include "coord/tree.h"
#include "unit.h"

static bool has_link(int rank, int size, int to)
{
    int links[TREE_LINKS_MAX];
    int n = tree_links(rank, size, links);

    for (int i = 0; i < n; i++)
        if (links[i] == to)
            return true;
    return false;
}

START_TEST(links_are_a_tree)
{
    const int sizes[] = {1, 2, 3, 4, 5, 16, 17, 64, 1000};

    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        int size = sizes[s], total = 0;

        for (int rank = 0; rank < size; rank++) {
            int links[TREE_LINKS_MAX];
            int n = tree_links(rank, size, links);

            total += n;
            for (int i = 0; i < n; i++) {
                ck_assert_int_ge(links[i], 0);
                ck_assert_int_lt(links[i], size);
                ck_assert(has_link(links[i], size, rank)); /* both ends know it */
            }
            if (rank)
                ck_assert_int_lt(links[0], rank); /* so that every rank reaches 0 */
        }
        ck_assert_int_eq(total, 2 * (size - 1));
    }
}
END_TEST

START_TEST(links_are_few)
{
    int links[TREE_LINKS_MAX];

    ck_assert_int_eq(tree_links(0, 65536, links), 16);
    ck_assert_int_eq(tree_links(0, 1 << 30, links), 30);
}
END_TEST

START_TEST(a_message_finds_its_way_along_the_links)
{
    enum { SIZE = 100 };

    for (int from = 0; from < SIZE; from++) {
        for (int to = 0; to < SIZE; to++) {
            int at = from, hops = 0;

            while (at != to) {
                ck_assert(has_link(at, SIZE, tree_next(at, to)));
                at = tree_next(at, to);
                ck_assert_int_le(++hops, 14);
            }
        }
    }
}
END_TEST

START_TEST(silence_is_lost_and_a_word_is_not)
{
    struct pulse pulse;

    pulse_start(&pulse, 0, 3, 1000, 0);
    for (int64_t t = 0; t <= 1000; t += 100)
        ck_assert_int_eq(pulse_lost(&pulse, t), -1);
    pulse_heard(&pulse, 2, 1000);
    ck_assert_int_eq(pulse_lost(&pulse, 1100), 0);
    ck_assert_int_eq(pulse.links[0], 1);
    pulse_heard(&pulse, 1, 1100);
    ck_assert_int_eq(pulse_lost(&pulse, 1200), -1);
}
END_TEST

START_TEST(own_absence_is_no_silence)
{
    struct pulse pulse;

    pulse_start(&pulse, 0, 2, 1000, 0);
    ck_assert_int_eq(pulse_lost(&pulse, 100), -1);
    ck_assert_int_eq(pulse_lost(&pulse, 50000), -1); /* we were stopped */
    ck_assert_int_eq(pulse_lost(&pulse, 50400), -1);
    ck_assert_int_eq(pulse_lost(&pulse, 50800), -1);
    ck_assert_int_eq(pulse_lost(&pulse, 51100), 0);
}
END_TEST

START_TEST(who_fell_silent_together_is_counted)
{
    struct pulse pulse;
    int silent[TREE_LINKS_MAX];

    pulse_start(&pulse, 0, 5, 1000, 0); /* neighbours 1, 2, 4 */
    ck_assert_int_eq(pulse_link(&pulse, 4), 2);
    ck_assert_int_eq(pulse_link(&pulse, 3), -1);
    for (int64_t t = 0; t <= 700; t += 100)
        ck_assert_int_eq(pulse_lost(&pulse, t), -1);
    pulse_heard(&pulse, 1, 250);
    pulse_heard(&pulse, 2, 700);
    ck_assert_int_eq(pulse_lost(&pulse, 1100), 2);
    ck_assert_int_eq(pulse_silent(&pulse, 1100, silent), 2);
    ck_assert(silent[0] == 0 && silent[1] == 2);
    ck_assert_int_eq(pulse_silent(&pulse, 1300, silent), 3);
}
END_TEST

START_TEST(beats_come_in_quarters_and_may_be_off)
{
    struct pulse pulse;

    pulse_start(&pulse, 1, 2, 1000, 0);
    ck_assert(pulse_beat_due(&pulse, 0));
    ck_assert(!pulse_beat_due(&pulse, 249));
    ck_assert(pulse_beat_due(&pulse, 250));
    pulse_start(&pulse, 1, 2, 60000, 0);
    ck_assert(pulse_beat_due(&pulse, 0));
    ck_assert(pulse_beat_due(&pulse, 5000));
    pulse_start(&pulse, 1, 2, 0, 0);
    ck_assert(!pulse_beat_due(&pulse, 100));
    ck_assert_int_eq(pulse_lost(&pulse, 1000000), -1);
}
END_TEST

START_TEST(launchers_are_told_apart)
{
    char *open_mpi[] = {"SLURM_STEP_NUM_TASKS=2", "OMPI_COMM_WORLD_SIZE=4",
                        "OMPI_COMM_WORLD_RANK=3", NULL};
    char *mpich[] = {"HYDI_CONTROL_FD=7", "PMI_RANK=1", "PMI_SIZE=2", NULL};
    char *slurm[] = {"SLURM_STEP_NUM_TASKS=4", "SLURM_PROCID=2", NULL};
    char *flux[] = {"SLURM_STEP_NUM_TASKS=1", "FLUX_TASK_RANK=1", "FLUX_JOB_SIZE=3", NULL};
    char *shell_in_step[] = {"SLURM_STEP_NUM_TASKS=1", "SLURM_PROCID=0", NULL};
    char *odd[] = {"OMPI_COMM_WORLD_SIZE=x", "OMPI_COMM_WORLD_RANK=-1", NULL};
    char *none[] = {"PATH=/bin", NULL};
    struct launch l;

    launch_look(&l, open_mpi);
    ck_assert(l.use_mpi && l.rank == 3 && l.size == 4 && !strcmp(l.by, "mpirun"));
    ck_assert_str_eq(l.one_each, "mpirun -N 1");
    ck_assert(l.escalates && strstr(l.remedy, "'-N 1'") && !strstr(l.remedy, "ppn"));
    launch_look(&l, flux);
    ck_assert(l.use_mpi && l.rank == 1 && l.size == 3 && !strcmp(l.by, "flux run"));
    launch_look(&l, mpich);
    ck_assert(l.use_mpi && l.rank == 1 && l.size == 2 && !strcmp(l.by, "mpirun"));
    ck_assert_str_eq(l.one_each, "mpirun -ppn 1");
    ck_assert(!l.escalates && strstr(l.remedy, "'-ppn 1'") && !strstr(l.remedy, "-N"));
    launch_look(&l, slurm);
    ck_assert(l.use_mpi && l.rank == 2 && l.size == 4 && !strcmp(l.by, "srun"));
    ck_assert_ptr_nonnull(strstr(l.remedy, "'srun --ntasks-per-node=1'"));
    launch_look(&l, shell_in_step);
    ck_assert(!l.use_mpi && l.size == 1);
    launch_look(&l, odd);
    ck_assert(l.use_mpi && l.rank == 0 && l.size == 1);
    launch_look(&l, none);
    ck_assert(!l.use_mpi && l.rank == 0 && l.size == 1 && !*l.by);
}
END_TEST

START_TEST(what_srun_has_not_told_is_refused)
{
    static const struct {
        const char *library;
        char *told;
        const char *fitting; /* NULL: it fits */
    } cases[] = {
        {"Open MPI v4.1.4", "PMIX_RANK=0", NULL},
        {"Open MPI v4.1.4", "PMI_FD=5", "--mpi=pmix"},
        {"Open MPI v5.0.11", "HOME=/", "--mpi=pmix"},
        {"MPICH Version: 4.0.2", "PMI_FD=5", NULL},
        {"MPICH Version: 5.0.2", "PMIX_RANK=0", "--mpi=pmi2"},
        {"MPICH Version: 5.0.2\nMPICH configure: --with-pmix=/usr", "PMIX_RANK=0", NULL},
        {"Intel(R) MPI Library 2021.19", "HOME=/", "--mpi=pmi2"},
        {"Intel(R) MPI Library 2021.19", "I_MPI_PMI_LIBRARY=/lib/libpmi2.so", NULL},
    };
    const struct launch by_srun = {.by = "srun"}, by_mpirun = {.by = "mpirun"};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *envp[] = {cases[i].told, NULL};
        struct err err = {0};
        bool refused = launch_check_pmi(&by_srun, cases[i].library, envp, &err);

        ck_assert_msg(refused == (cases[i].fitting != NULL), "%zu", i);
        ck_assert(!refused || (err.code == EXIT_USAGE && strstr(err.text, cases[i].fitting)));
        ck_assert_int_eq(launch_check_pmi(&by_mpirun, cases[i].library, envp, &err), 0);
    }
}
END_TEST

/* As in a shell that was started below a launcher which has ended since. */
START_TEST(variables_of_a_launcher_that_has_ended_do_not_count)
{
    char *hydra[] = {"HYDI_CONTROL_FD=7", "PMI_RANK=1", "PMI_SIZE=2", "PMI_FD=1000000", NULL};
    char *open_mpi[] = {"OMPI_COMM_WORLD_SIZE=2", "PMIX_SERVER_TMPDIR=/nowhere/at/all", NULL};
    char **all[] = {hydra, open_mpi};

    for (size_t i = 0; i < 2; i++) {
        struct launch launch;
        struct strv notices = {0};

        launch_look(&launch, all[i]);
        ck_assert(!launch.use_mpi && launch.size == 1 && launch.leaked);
        launch_advise(&launch, all[i], &notices);
        ck_assert_int_eq(notices.n, 1);
        ck_assert_ptr_nonnull(strstr(notices.items[0], launch.leaked));
        strv_free(&notices);
    }
}
END_TEST

START_TEST(singletons_are_refused_with_the_remedy)
{
    struct launch l = {.by = "srun", .size = 4};
    struct err err = {0};

    ck_assert_int_eq(launch_check(&l, 4, "MPICH", &err), 0);
    ck_assert_int_eq(launch_check(&l, 1, "MPICH", &err), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "'srun --mpi=pmi2'"));
    ck_assert_int_eq(launch_check(&l, 1, "Open MPI v5.0.11", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "'srun --mpi=pmix'"));
    l.by = "mpirun";
    ck_assert_int_eq(launch_check(&l, 1, "MPICH", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "built with"));
}
END_TEST

static struct announce an_announce(void)
{
    struct announce a = {.log_level = 2,
                         .key = 0x8123456789abcdefu,
                         .doorbell_key = 0xfedcba9876543218u,
                         .lost_timeout_ms = 1500};

    a.hosts.n = 2;
    a.hosts.items = mem_calloc(2, sizeof(*a.hosts.items));
    a.hosts.items[0] = (struct host){.address = 0x0a4d0001, .port = 30050};
    a.hosts.items[1] = (struct host){.address = 0x0a4d0002, .port = 40000};
    buf_addf(&a.ip_config, "10.77.0.1\n10.77.0.2 40000\n");
    buf_add(&a.part_config, "\0\1", 2);
    return a;
}

static bool arrives(const struct announce *a)
{
    struct announce b;
    struct buf bytes = {0};
    struct err err = {0};
    int rc;

    announce_pack(&bytes, a);
    rc = announce_unpack(&b, &bytes, &err);
    if (!rc)
        announce_free(&b);
    buf_free(&bytes);
    return !rc;
}

START_TEST(announcements_out_of_range_are_refused)
{
    struct announce a = an_announce();

    ck_assert(arrives(&a));
    for (int i = 0; i < 6; i++) {
        struct announce b = a;

        switch (i) {
        case 0: b.log_level = -1; break;
        case 1: b.log_level = 3; break;
        case 2: b.preempt_signal = 65; break;
        case 3: b.lost_timeout_ms = -1; break;
        case 4: a.hosts.items[1].port = 0; break;
        case 5: a.hosts.items[1].port = 65536; break;
        }
        ck_assert_msg(!arrives(&b), "%d", i);
    }
    announce_free(&a);
}
END_TEST

/* What launch_abort says on the descriptor PMI_FD; "" where that is not hydra's. */
static void abort_says(const char *hydra, const char *slurm, char *said, size_t size)
{
    int ends[2];
    ssize_t n;
    int status;
    pid_t pid;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (!pid) {
        char fd[16];

        close(ends[0]);
        snprintf(fd, sizeof(fd), "%d", ends[1]);
        setenv("PMI_FD", fd, 1);
        hydra ? setenv("HYDI_CONTROL_FD", hydra, 1) : unsetenv("HYDI_CONTROL_FD");
        slurm ? setenv("SLURM_STEP_NUM_TASKS", slurm, 1) : unsetenv("SLURM_STEP_NUM_TASKS");
        launch_abort(7);
    }
    close(ends[1]);
    n = read(ends[0], said, size - 1);
    ck_assert_int_ge(n, 0);
    said[n] = '\0';
    close(ends[0]); /* the answer */
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

START_TEST(only_hydra_is_told_to_abort)
{
    static const struct {
        const char *hydra, *slurm, *said;
    } rows[] = {{"9", NULL, "cmd=abort exitcode=7\n"},
                {NULL, NULL, "cmd=abort exitcode=7\n"},
                {"9", "2", "cmd=abort exitcode=7\n"}, /* mpirun inside a job step */
                {NULL, "2", ""}};
    char said[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        abort_says(rows[i].hydra, rows[i].slurm, said, sizeof(said));
        ck_assert_str_eq(said, rows[i].said);
    }
}
END_TEST

START_TEST(announcement_arrives_as_sent)
{
    struct announce a = an_announce(), b;
    struct buf bytes = {0};
    struct err err = {0};

    announce_pack(&bytes, &a);
    ck_assert_int_eq(announce_unpack(&b, &bytes, &err), 0);
    ck_assert_uint_eq(b.key, a.key);
    ck_assert_int_eq(b.log_level, 2);
    ck_assert_int_eq(b.lost_timeout_ms, 1500);
    ck_assert_uint_eq(b.hosts.n, 2);
    ck_assert_str_eq(b.hosts.items[1].ip, "10.77.0.2");
    ck_assert_int_eq(b.hosts.items[1].port, 40000);
    ck_assert_uint_eq(b.ip_config.len, a.ip_config.len);
    ck_assert_mem_eq(b.ip_config.data, a.ip_config.data, a.ip_config.len);
    ck_assert_uint_eq(b.part_config.len, 2);
    announce_free(&b);
    for (size_t len = bytes.len; len-- > 0;) {
        struct buf shorter = {.data = bytes.data, .len = len};

        ck_assert_int_eq(announce_unpack(&b, &shorter, &err), -1);
    }
    buf_add(&bytes, "x", 1);
    ck_assert_int_eq(announce_unpack(&b, &bytes, &err), -1);
    announce_free(&a);
    buf_free(&bytes);
}
END_TEST

START_TEST(sleepers_leave_with_the_code_and_pass_signals_on)
{
    struct err err = {0};
    uint64_t key = (uint64_t)getpid() << 20;
    struct sleepers *s = sleepers_open(key, 3, 1, &err);
    struct pollfd entries[4];
    int what, status;
    pid_t pid;

    ck_assert_ptr_nonnull(s);
    ck_assert_ptr_null(sleepers_open(key, 3, 1, &err)); /* the name is taken */
    pid = fork();
    if (pid == 0) {
        int fd;

        if (signals_open(&err))
            _exit(90);
        signals_hold();
        fd = sleepers_connect(key, 3, &err);
        raise(SIGTERM);
        _exit(fd < 0 ? 91 : sleepers_sleep(fd, signals_fd(), &PARENT_NONE));
    }
    do {
        int n = sleepers_poll(s, entries, 4);

        ck_assert_int_gt(poll(entries, (nfds_t)n, 30000), 0);
        what = sleepers_event(s);
    } while (!what);
    ck_assert_int_eq(what, SIGTERM);
    sleepers_dismiss(s, 42);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
END_TEST

START_TEST(a_keeper_that_was_told_to_leave)
{
    struct keeper_link link = {.keeper = {.pid = -1}};
    char bytes[64];
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    link.keeper.fd = pair[0];
    keeper_link_leave(&link);
    keeper_link_send(&link, MESSAGE_CREDIT, NULL, 0); /* it came late */
    ck_assert_int_eq(read(pair[1], bytes, sizeof(bytes)), MESSAGE_HEADER);
    ck_assert_int_eq(read(pair[1], bytes, sizeof(bytes)), 0);
    ck_assert_int_eq(write(pair[1], bytes, MESSAGE_HEADER), MESSAGE_HEADER);
    ck_assert(!keeper_link_has_left(&link));
    close(pair[1]);
    ck_assert(keeper_link_has_left(&link));
    keeper_link_close(&link);
    ck_assert_int_eq(link.keeper.fd, -1);
    buf_free(&link.in);
    buf_free(&link.out);
}
END_TEST

/* Before Linux 5.3 there is no descriptor that tells it. */
START_TEST(a_parent_that_is_asked_for)
{
    struct parent here = {.fd = -1, .asks = getppid()}, gone = {.fd = -1, .asks = getpid()};
    int pair[2];

    ck_assert(!launch_parent_gone(&here, 0) && launch_parent_gone(&gone, 0));
    ck_assert(!launch_parent_gone(&PARENT_NONE, 0));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(signals_open(&(struct err){0}), 0);
    ck_assert_int_eq(sleepers_sleep(pair[0], signals_fd(), &gone), EXIT_LAUNCHER);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(a_sleeper_without_its_elected_rank_leaves)
{
    struct err err = {0};
    uint64_t key = (uint64_t)getpid() << 21;
    struct sleepers *s = sleepers_open(key, 0, 2, &err);
    int fd = sleepers_connect(key, 0, &err);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(sleepers_event(s), 0);
    ck_assert_int_eq(signals_open(&err), 0);
    sleepers_dismiss(s, 7);
    ck_assert_int_eq(sleepers_sleep(fd, signals_fd(), &PARENT_NONE), 7);
    ck_assert_int_eq(sleepers_sleep(fd, signals_fd(), &PARENT_NONE), EXIT_LAUNCHER);
    signals_hold();
    raise(SIGTERM); /* to all ranks of the machine, of which the elected one was the quickest */
    ck_assert_int_eq(sleepers_sleep(fd, signals_fd(), &PARENT_NONE), EXIT_SIGNAL_BASE + SIGTERM);
    ck_assert_int_eq(sleepers_connect(key, 0, &err), -1);
    ck_assert_int_eq(sleepers_sleep(-1, signals_fd(), &PARENT_NONE), EXIT_LAUNCHER);
}
END_TEST

UNIT_MAIN("coord", links_are_a_tree, links_are_few, a_message_finds_its_way_along_the_links,
          silence_is_lost_and_a_word_is_not, own_absence_is_no_silence,
          who_fell_silent_together_is_counted, beats_come_in_quarters_and_may_be_off,
          launchers_are_told_apart, singletons_are_refused_with_the_remedy,
          what_srun_has_not_told_is_refused, variables_of_a_launcher_that_has_ended_do_not_count,
          only_hydra_is_told_to_abort, announcement_arrives_as_sent,
          announcements_out_of_range_are_refused, sleepers_leave_with_the_code_and_pass_signals_on,
          a_sleeper_without_its_elected_rank_leaves, a_keeper_that_was_told_to_leave,
          a_parent_that_is_asked_for)
