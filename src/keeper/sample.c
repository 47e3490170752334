/* sample: sums up /proc/PID/stat and statm of a tree. CPU time counts with what has been waited
 * for, so that a sum never shrinks when a process ends.
 *
 * RSS counts a shared page once a process; what is private counts once. The proportional size (PSS)
 * would be exact, but the kernel walks through all of a process's page tables for it, and holds
 * their lock meanwhile (doc/decisions/0012-samples.md).
 */
#include "keeper/sample.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/kernel.h"
#include "base/mem.h"
#include "base/procfs.h"
#include "keeper/proc.h"
#include "keeper/sockets.h"

struct sampler {
    struct cgroup cgroup;
    struct procs below;
    struct strangers strangers;
    int looks;
};

enum {
    FORGET_LOOKS = 64, /* a stranger's pid may have become one of ours: all are read again */
    PATH_SIZE = 64
};

struct sampler *sampler_open(const char *root)
{
    struct sampler *sampler = mem_calloc(1, sizeof(*sampler));

    cgroup_find(&sampler->cgroup, "memory", root);
    return sampler;
}

void sampler_close(struct sampler *sampler)
{
    if (!sampler)
        return;
    cgroup_free(&sampler->cgroup);
    procs_free(&sampler->below);
    strangers_forget(&sampler->strangers);
    free(sampler);
}

/* ---- trees ---- */

static int64_t kb_of(long pages)
{
    return (int64_t)pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Private are resident pages that are no file's and not shared. */
static void add_memory(struct usage *usage, pid_t pid)
{
    char text[256];
    long resident, shared;

    procfs_read(pid, "statm", text, sizeof(text));
    if (sscanf(text, "%*d %ld %ld", &resident, &shared) != 2)
        return;
    usage->rss_kb += kb_of(resident);
    usage->private_kb += resident > shared ? kb_of(resident - shared) : 0;
}

/* Linux 6.2 gives the number as the folder's size. */
static int open_files(pid_t pid)
{
    char path[PATH_SIZE];
    struct stat status;
    DIR *folder;
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    if (stat(path, &status) == 0 && status.st_size > 0)
        return (int)status.st_size;
    folder = opendir(path);
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n > 2 ? n - 2 : 0; /* without . and .. */
}

static void add(struct sample_tree *tree, const struct proc *proc)
{
    tree->cpu += proc->cpu + proc->waited;
    if (proc->zombie)
        return;
    add_memory(&tree->usage, proc->pid);
    tree->usage.threads += proc->threads;
    tree->usage.files += open_files(proc->pid);
    tree->usage.processes++;
}

static int by_top(const void *a, const void *b)
{
    const struct sample_tree *left = a, *right = b;

    return (left->top > right->top) - (left->top < right->top);
}

void sample_sort(struct sample_tree *trees, size_t n)
{
    qsort(trees, n, sizeof(*trees), by_top);
}

struct sample_tree *sample_find(struct sample_tree *trees, size_t n, pid_t top)
{
    struct sample_tree key = {.top = top};

    return bsearch(&key, trees, n, sizeof(*trees), by_top);
}

static struct sample_tree *tree_of(const struct sampler *sampler, const struct proc *proc,
                                   struct sample_tree *trees, size_t n)
{
    const struct proc *parent;

    while ((parent = procs_find(&sampler->below, proc->parent)))
        proc = parent;
    return sample_find(trees, n, proc->pid);
}

void sampler_trees(struct sampler *sampler, struct sample_tree *trees, size_t n)
{
    unsigned long long *before = mem_calloc(n + 1, sizeof(*before));

    if (++sampler->looks % FORGET_LOOKS == 0)
        strangers_forget(&sampler->strangers);
    proc_below_again(getpid(), &sampler->below, &sampler->strangers);
    for (size_t i = 0; i < n; i++) {
        before[i] = trees[i].cpu;
        trees[i] = (struct sample_tree){.top = trees[i].top};
    }
    for (size_t i = 0; i < sampler->below.n; i++) {
        const struct proc *proc = &sampler->below.items[i];
        struct sample_tree *tree = tree_of(sampler, proc, trees, n);

        if (tree)
            add(tree, proc);
    }
    for (size_t i = 0; i < n; i++)
        trees[i].spent = trees[i].cpu > before[i] ? trees[i].cpu - before[i] : 0;
    free(before);
}

/* ---- bytes ---- */

static uint64_t bytes_of(pid_t pid)
{
    unsigned long long in, out;
    char text[512];

    procfs_read(pid, "io", text, sizeof(text));
    return sscanf(text, "rchar: %llu wchar: %llu", &in, &out) == 2 ? in + out : 0;
}

struct summing {
    struct sockets own;
    uint64_t sum;
};

static bool sum_up(void *arg, const struct socket_row *row)
{
    struct summing *summing = arg;

    if (sockets_has(&summing->own, row->inode))
        summing->sum += row->moved;
    return true;
}

uint64_t sampler_moved(const struct sampler *sampler)
{
    struct summing summing = {.sum = 0};
    bool sees_bytes = kernel_is(5, 7);

    for (size_t i = 0; i < sampler->below.n; i++) {
        if (sees_bytes)
            summing.sum += bytes_of(sampler->below.items[i].pid);
        sockets_add_of(&summing.own, sampler->below.items[i].pid);
    }
    sockets_each_moving(sum_up, &summing);
    sockets_free(&summing.own);
    return summing.sum;
}

/* ---- the machine ---- */

/* What the limit leaves, at least 1 byte. The kernel takes file pages that are not in use back
 * before it kills. */
static int64_t left_of(const struct cgroup *cgroup, const char *folder)
{
    const char *usage = cgroup->version_1 ? "/memory.usage_in_bytes" : "/memory.current";
    const char *files = cgroup->version_1 ? "total_inactive_file" : "inactive_file";
    int64_t limit = cgroup_memory_limit(cgroup, folder), used, cached;

    if (limit <= 0)
        return 0;
    used = cgroup_number(cgroup, folder, usage);
    cached = cgroup_field(cgroup->root, folder, "/memory.stat", files);
    if (cached > 0)
        used -= cached;
    return used < limit ? limit - used : 1;
}

static void look_at_memory(const struct sampler *sampler, struct sample_machine *machine)
{
    const struct cgroup *cgroup = &sampler->cgroup;
    int64_t size = cgroup_field(cgroup->root, "/proc/meminfo", "", "MemTotal");
    int64_t left = cgroup_field(cgroup->root, "/proc/meminfo", "", "MemAvailable");
    int64_t limit = cgroup->folder ? cgroup_lowest(cgroup, cgroup_memory_limit) / 1024 : 0;
    int64_t allowed = limit > 0 ? cgroup_lowest(cgroup, left_of) / 1024 : 0;

    if (limit > 0 && (size <= 0 || left < 0 || allowed < left)) {
        size = limit;
        left = allowed;
    }
    if (size <= 0 || left < 0)
        return;
    machine->memory_kb = size;
    machine->memory_used_kb = left < size ? size - left : 0;
}

struct sample_machine sampler_machine(const struct sampler *sampler)
{
    struct sample_machine machine = {0};
    struct statvfs shm;

    look_at_memory(sampler, &machine);
    if (statvfs("/dev/shm", &shm) == 0) {
        int64_t block = (int64_t)shm.f_frsize;

        machine.shm_kb = (int64_t)shm.f_blocks * block / 1024;
        machine.shm_used_kb = (int64_t)(shm.f_blocks - shm.f_bfree) * block / 1024;
    }
    return machine;
}
