/* oom: the counters oom_kill of our cgroup (version 2: memory.events, version 1:
 * memory.oom_control) and of /proc/vmstat, and "Killed process PID" in /dev/kmsg. Knows nothing of
 * the job.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "keeper/oom.h"

enum {
    REMEMBER_MS = 10000,
    PIECE = 8192,
    NAMED_MOST = 64,
    RECORDS = 20000 /* of the kernel's log, read at once at most */
};
#define FIRST_PIDS "pid:[4026531836]" /* PROC_PID_INIT_INO: there kmsg names our pids */

struct counts {
    int64_t cgroup, machine; /* -1: cannot be read */
};

struct oom {
    struct cgroup cgroup;
    int kmsg;                /* -1: cannot be read */
    pid_t named[NAMED_MOST]; /* in a ring: the last that the kernel's log named */
    int n_named;
    struct counts older, newer;
    int64_t taken; /* when newer was */
};

/* ---- our cgroup ---- */

static int64_t cgroup_count(const struct cgroup *cgroup)
{
    if (!cgroup->folder)
        return -1;
    return cgroup_field(cgroup->root, cgroup->folder,
                        cgroup->version_1 ? "/memory.oom_control" : "/memory.events", "oom_kill");
}

int64_t oom_cgroup_limit(const struct oom *oom)
{
    return oom ? cgroup_lowest(&oom->cgroup, cgroup_memory_limit) : 0;
}

int64_t oom_machine_memory(const struct oom *oom)
{
    int64_t kb = oom ? cgroup_field(oom->cgroup.root, "/proc/meminfo", "", "MemTotal") : 0;

    return kb > 0 ? kb * 1024 : 0;
}

/* ---- the kernel's own words ---- */

static int open_kmsg(const char *root)
{
    char *path = mem_printf("%s/proc/self/ns/pid", root), space[64] = "";
    int fd = -1;

    if (readlink(path, space, sizeof(space) - 1) > 0 && strcmp(space, FIRST_PIDS) == 0) {
        free(path);
        path = mem_printf("%s/dev/kmsg", root);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
            lseek(fd, 0, SEEK_END);
    }
    free(path);
    return fd;
}

/* Each read gives one record; EPIPE: some were lost. */
static void read_kmsg(struct oom *oom)
{
    static const char mark[] = "Killed process ";
    char record[PIECE];
    ssize_t n;

    for (int i = 0; oom->kmsg >= 0 && i < RECORDS; i++) {
        n = read(oom->kmsg, record, sizeof(record) - 1);
        if (n <= 0 && !(n < 0 && errno == EPIPE))
            break;
        record[n < 0 ? 0 : n] = '\0';
        for (const char *at = record; (at = strstr(at, mark)); at += sizeof(mark) - 1)
            oom->named[oom->n_named++ % NAMED_MOST] =
                (pid_t)strtol(at + sizeof(mark) - 1, NULL, 10);
    }
}

static bool kernel_names(struct oom *oom, pid_t pid)
{
    read_kmsg(oom);
    for (int i = 0; i < oom->n_named && i < NAMED_MOST; i++) {
        if (oom->named[i] == pid)
            return true;
    }
    return false;
}

/* ---- together ---- */

static struct counts count(const struct oom *oom)
{
    return (struct counts){cgroup_count(&oom->cgroup),
                           cgroup_field(oom->cgroup.root, "/proc/vmstat", "", "oom_kill")};
}

struct oom *oom_open(const char *root)
{
    struct oom *oom = mem_calloc(1, sizeof(*oom));

    cgroup_find(&oom->cgroup, "memory", root);
    oom->kmsg = open_kmsg(root);
    oom->older = oom->newer = count(oom);
    oom->taken = clock_ms();
    return oom;
}

void oom_close(struct oom *oom)
{
    if (!oom)
        return;
    if (oom->kmsg >= 0)
        close(oom->kmsg);
    cgroup_free(&oom->cgroup);
    free(oom);
}

void oom_tick(struct oom *oom, int64_t now)
{
    if (now - oom->taken < REMEMBER_MS)
        return;
    oom->older = oom->newer;
    oom->newer = count(oom);
    oom->taken = now;
}

enum oom_verdict oom_judge(struct oom *oom, pid_t pid)
{
    struct counts now;

    if (!oom)
        return OOM_UNKNOWN;
    now = count(oom);
    if (kernel_names(oom, pid) || (oom->older.cgroup >= 0 && now.cgroup > oom->older.cgroup))
        return OOM_CERTAIN;
    if (now.machine < 0 || oom->older.machine < 0)
        return OOM_UNKNOWN;
    return now.machine > oom->older.machine ? OOM_PROBABLE : OOM_NO;
}
