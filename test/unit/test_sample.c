/* test_sample: what trees and the machine use, the machine's files below a root of our own; and how
 * a curve stays small.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "keeper/sample.h"
#include "unit.h"
#include "wire/curve.h"

static char root[UNIT_PATH];

static void put(const char *path, const char *text)
{
    unit_put(root, path, text);
}

static struct sample_machine machine_now(void)
{
    struct sampler *sampler = sampler_open(root);
    struct sample_machine machine = sampler_machine(sampler);

    sampler_close(sampler);
    return machine;
}

/* ---- the machine ---- */

START_TEST(memory_of_a_machine)
{
    struct sample_machine machine;

    unit_folder(root, "/tmp");
    put("/proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 1 kB\nMemAvailable:  300000 kB\n");
    machine = machine_now();
    ck_assert_int_eq(machine.memory_kb, 1000000);
    ck_assert_int_eq(machine.memory_used_kb, 700000);
    ck_assert_int_gt(machine.shm_kb, 0);
}
END_TEST

/* Pages of files that nobody uses do not count, and of two limits the one that leaves less. */
START_TEST(memory_of_a_cgroup)
{
    struct sample_machine machine;

    unit_folder(root, "/tmp");
    put("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable:  300000 kB\n");
    put("/proc/self/cgroup", "0::/job/step\n");
    put("/proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/job/step/memory.max", "max\n");
    put("/sys/fs/cgroup/job/memory.max", "204800000\n");
    put("/sys/fs/cgroup/job/memory.current", "153600000\n");
    put("/sys/fs/cgroup/job/memory.stat", "anon 7\ninactive_file 51200000\n");
    machine = machine_now();
    ck_assert_int_eq(machine.memory_kb, 200000);
    ck_assert_int_eq(machine.memory_used_kb, 100000);
    put("/sys/fs/cgroup/job/memory.current", "409600000\n"); /* swap, or a limit that was lowered */
    ck_assert_int_eq(machine_now().memory_used_kb, 200000);
    put("/sys/fs/cgroup/job/memory.max", "2048000000\n");
    ck_assert_int_eq(machine_now().memory_kb, 1000000);
}
END_TEST

START_TEST(a_machine_that_tells_nothing)
{
    unit_folder(root, "/tmp");
    ck_assert_int_eq(machine_now().memory_kb, 0);
    ck_assert_int_eq(machine_now().memory_used_kb, 0);
}
END_TEST

/* ---- trees ---- */

enum { MEGABYTES = 40 };

/* A child that has that much of its own, and a child of its own that has as much again. It writes a
 * byte when all is there, and works until it is killed. */
static pid_t start_tree(int ready)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (fork() == 0)
        ready = -1;
    memset(mmap(NULL, MEGABYTES << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           1, MEGABYTES << 20);
    if (ready >= 0 && write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        continue;
}

static void end_tree(const struct sample_tree *tree)
{
    kill(-tree->top, SIGKILL);
    waitpid(tree->top, NULL, 0);
}

START_TEST(a_tree_counts_with_all_below_it)
{
    struct sampler *sampler = sampler_open("");
    struct sample_tree trees[2] = {{0}};
    int pair[2];
    char byte;

    ck_assert_int_eq(pipe(pair), 0);
    trees[0].top = start_tree(pair[1]);
    setpgid(trees[0].top, trees[0].top);
    trees[1].top = trees[0].top + 1000000; /* nobody's */
    ck_assert_int_eq(read(pair[0], &byte, 1), 1);
    do
        sampler_trees(sampler, trees, 2);
    while (trees[0].usage.processes < 2 || trees[0].usage.private_kb < 2 * MEGABYTES << 10);
    ck_assert_int_eq(trees[0].usage.processes, 2);
    ck_assert_int_eq(trees[0].usage.threads, 2);
    ck_assert_int_ge(trees[0].usage.files, 4);
    ck_assert_int_ge(trees[0].usage.rss_kb, trees[0].usage.private_kb);
    ck_assert_int_lt(trees[0].usage.private_kb, 4 * MEGABYTES << 10);
    do
        sampler_trees(sampler, trees, 2);
    while (trees[0].spent == 0);
    ck_assert_uint_ge(trees[0].cpu, trees[0].spent);
    ck_assert_int_eq(trees[1].usage.processes, 0);
    ck_assert_uint_eq(trees[1].spent, 0);
    end_tree(&trees[0]);
    sampler_trees(sampler, trees, 2);
    ck_assert_int_eq(trees[0].usage.processes, 0);
    ck_assert_uint_eq(trees[0].spent, 0);
    sampler_close(sampler);
}
END_TEST

/* ---- curves ---- */

static struct curve filled(int samples)
{
    struct curve curve = {0};

    for (int i = 1; i <= samples; i++)
        curve_add(&curve, &(struct moment){.at_ms = i, .cpu_permille = 100, .memory_kb = i % 1000});
    return curve;
}

START_TEST(a_short_curve_has_each_sample)
{
    struct curve curve = filled(CURVE_MOST);

    ck_assert_int_eq(curve.n, CURVE_MOST);
    for (int i = 0; i < curve.n; i++)
        ck_assert_int_eq(curve.moments[i].at_ms, i + 1);
    curve_free(&curve);
    ck_assert_int_eq(curve.n, 0);
}
END_TEST

/* A month of samples each 2 s. */
START_TEST(a_long_curve_stays_small)
{
    struct curve curve = filled(1300000);

    ck_assert_int_gt(curve.n, CURVE_MOST / 2 - 1);
    ck_assert_int_le(curve.n, CURVE_MOST);
    for (int i = 0; i < curve.n; i++) {
        ck_assert_int_eq(curve.moments[i].cpu_permille, 100);
        if (i < curve.n - 1) /* the last may hold a few samples */
            ck_assert_int_eq(curve.moments[i].memory_kb, 999);
        if (i > 0)
            ck_assert_int_gt(curve.moments[i].at_ms, curve.moments[i - 1].at_ms);
    }
    ck_assert_int_eq(curve.moments[curve.n - 1].at_ms, 1300000);
    curve_free(&curve);
}
END_TEST

START_TEST(joined_samples_have_the_mean_of_cpu)
{
    struct curve curve = {0};

    for (int i = 0; i < 2 * CURVE_MOST; i++)
        curve_add(&curve, &(struct moment){.at_ms = i, .cpu_permille = i % 2 ? 300 : 100});
    ck_assert_int_eq(curve.n, CURVE_MOST);
    for (int i = 0; i < curve.n; i++)
        ck_assert_int_eq(curve.moments[i].cpu_permille, 200);
    curve_free(&curve);
}
END_TEST

UNIT_MAIN("sample", memory_of_a_machine, memory_of_a_cgroup, a_machine_that_tells_nothing,
          a_tree_counts_with_all_below_it, a_short_curve_has_each_sample, a_long_curve_stays_small,
          joined_samples_have_the_mean_of_cpu)
