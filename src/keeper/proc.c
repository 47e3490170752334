/* proc: the processes below one. The map of parents is read from /proc, since a descendant may have
 * left our process group and session; only parentage stays. Knows nothing of the job.
 *
 * In a child subreaper no descendant is ever lost: an orphan becomes its child. A look at /proc is
 * no snapshot, so callers that must reach all look again until wait(2) says that there is no child.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/mem.h"
#include "base/procfs.h"
#include "keeper/proc.h"

enum {
    PF_SIGNALED = 0x400, /* linux/sched.h: set before a core is dumped; CoreDumping in status is
                            gone before the sockets close [measured] */
    STOP_ROUNDS = 100    /* looks of proc_kill_all before it kills what it has */
};

/* The name is what stands between the first '(' and the last ')'; the exit status is the last
 * field, the 52nd. */
static void take_ends(struct proc *proc, const char *text, const char *close)
{
    const char *open = strchr(text, '('), *last = strrchr(close, ' ');

    if (open && open < close)
        snprintf(proc->name, sizeof(proc->name), "%.*s", (int)(close - open - 1), open + 1);
    if (proc->zombie && last)
        proc->status = (int)strtol(last, NULL, 10);
}

/* Fills *proc from /proc/PID/stat. The command's name may hold blanks and parentheses: what counts
 * starts behind the last ')'. */
int proc_read(pid_t pid, struct proc *proc)
{
    char text[1024];
    unsigned long long user, system, waited_user, waited_system;
    unsigned flags;
    const char *rest;
    int parent;

    if (procfs_read(pid, "stat", text, sizeof(text)) == 0)
        return -1;
    rest = strrchr(text, ')');
    *proc = (struct proc){.pid = pid};
    if (!rest ||
        sscanf(rest + 1,
               " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %d %*d %llu"
               " %*u %ld",
               &proc->state, &parent, &flags, &user, &system, &waited_user, &waited_system,
               &proc->threads, &proc->start, &proc->resident) != 10)
        return -1;
    proc->parent = parent;
    proc->cpu = user + system;
    proc->waited = waited_user + waited_system;
    proc->dying = (flags & PF_SIGNALED) != 0;
    proc->zombie = proc->state == 'Z' || proc->state == 'X';
    take_ends(proc, text, rest);
    return 0;
}

bool proc_lives(pid_t pid, unsigned long long start)
{
    struct proc now;

    return proc_read(pid, &now) == 0 && (!start || now.start == start) && !now.zombie;
}

bool proc_has_ended(const struct proc *proc)
{
    return proc->zombie && proc->threads <= 1;
}

static char thread_state(pid_t pid, const char *thread)
{
    char path[64], text[1024];
    const char *close;

    snprintf(path, sizeof(path), "task/%.20s/stat", thread);
    close = procfs_read(pid, path, text, sizeof(text)) > 0 ? strrchr(text, ')') : NULL;
    if (!close || close[1] != ' ')
        return '?';
    return close[2];
}

char proc_state(pid_t pid)
{
    char path[32], found = '?', state;
    struct dirent *entry;
    DIR *threads;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    threads = opendir(path);
    while (threads && (entry = readdir(threads))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        state = thread_state(pid, entry->d_name);
        if (found == '?' || state == 'R' || (state == 'D' && found != 'R'))
            found = state;
    }
    if (threads)
        closedir(threads);
    return found;
}

unsigned long long proc_switches(pid_t pid)
{
    static const char *const names[] = {"\nvoluntary_ctxt_switches:",
                                        "\nnonvoluntary_ctxt_switches:"};
    unsigned long long sum = 0;
    char text[8192];

    procfs_read(pid, "status", text, sizeof(text));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *found = strstr(text, names[i]);

        sum += found ? strtoull(found + strlen(names[i]), NULL, 10) : 0;
    }
    return sum;
}

bool proc_has_child_since(pid_t pid, unsigned long long since)
{
    char path[64], pids[4096], *at = pids;
    struct proc child;
    long number;

    snprintf(path, sizeof(path), "task/%d/children", (int)pid);
    procfs_read(pid, path, pids, sizeof(pids));
    while ((number = strtol(at, &at, 10)) > 0)
        if (proc_read((pid_t)number, &child) == 0 && child.start > since)
            return true;
    return false;
}

static void procs_add(struct procs *procs, const struct proc *proc)
{
    procs->items = mem_grow(procs->items, procs->n, &procs->capacity, sizeof(*proc));
    procs->items[procs->n++] = *proc;
}

void procs_free(struct procs *procs)
{
    free(procs->items);
    *procs = (struct procs){0};
}

/* One look through /proc. */
struct look {
    struct procs all;
    struct strangers *known; /* NULL: none */
    struct strangers still;  /* those of them that are there */
};

static void add_stranger(struct strangers *strangers, pid_t pid)
{
    strangers->pids =
        mem_grow(strangers->pids, strangers->n, &strangers->capacity, sizeof(*strangers->pids));
    strangers->pids[strangers->n++] = pid;
}

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

    return (left > right) - (left < right);
}

static bool is_stranger(const struct strangers *known, pid_t pid)
{
    return known && known->n > 0 && bsearch(&pid, known->pids, known->n, sizeof(pid), compare_pids);
}

static bool take(void *arg, pid_t pid)
{
    struct look *look = arg;
    struct proc proc;

    if (is_stranger(look->known, pid))
        add_stranger(&look->still, pid);
    else if (proc_read(pid, &proc) == 0)
        procs_add(&look->all, &proc);
    return false;
}

static int by_pid(const void *a, const void *b)
{
    const struct proc *left = a, *right = b;

    return (left->pid > right->pid) - (left->pid < right->pid);
}

struct proc *procs_find(const struct procs *procs, pid_t pid)
{
    struct proc key = {.pid = pid};

    if (procs->n == 0)
        return NULL;
    return bsearch(&key, procs->items, procs->n, sizeof(*procs->items), by_pid);
}

/* Reads a process again whose parent ended between two looks: by now it has another parent. */
static void reread_orphans(struct procs *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct proc *proc = &all->items[i];

        if (proc->parent > 1 && !procs_find(all, proc->parent))
            proc_read(proc->pid, proc);
    }
}

static bool is_among(pid_t pid, const pid_t *pids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

/* Marks what is below root; each pass goes at least one generation deeper. */
static void mark_below(struct procs *all, pid_t root, const pid_t *spared, size_t n)
{
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < all->n; i++) {
            struct proc *proc = &all->items[i];
            const struct proc *parent = proc->below ? NULL : procs_find(all, proc->parent);

            if (proc->below || proc->pid == root || is_among(proc->pid, spared, n))
                continue;
            if (proc->parent == root || (parent && parent->below)) {
                proc->below = true;
                found = true;
            }
        }
    }
}

void proc_below(pid_t root, struct procs *found)
{
    proc_below_except(root, NULL, 0, found);
}

static void take_below(const struct procs *all, struct procs *found)
{
    found->n = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].below)
            procs_add(found, &all->items[i]);
    }
}

/* Those that the look has met before, and those that it has met now. */
static void know_strangers(struct look *look, pid_t root)
{
    for (size_t i = 0; i < look->all.n; i++) {
        if (!look->all.items[i].below && look->all.items[i].pid != root)
            add_stranger(&look->still, look->all.items[i].pid);
    }
    if (look->still.n > 0)
        qsort(look->still.pids, look->still.n, sizeof(*look->still.pids), compare_pids);
    strangers_forget(look->known);
    *look->known = look->still;
}

/* strangers: NULL: all processes are read. */
static void find_below(pid_t root, const pid_t *spared, size_t n, struct procs *found,
                       struct strangers *strangers)
{
    struct look look = {.known = strangers};

    procfs_each(take, &look);
    if (look.all.n > 0)
        qsort(look.all.items, look.all.n, sizeof(*look.all.items), by_pid);
    reread_orphans(&look.all);
    mark_below(&look.all, root, spared, n);
    take_below(&look.all, found);
    if (strangers)
        know_strangers(&look, root);
    procs_free(&look.all);
}

void proc_below_except(pid_t root, const pid_t *spared, size_t n, struct procs *found)
{
    find_below(root, spared, n, found, NULL);
}

void proc_below_again(pid_t root, struct procs *found, struct strangers *strangers)
{
    find_below(root, NULL, 0, found, strangers);
}

void strangers_forget(struct strangers *strangers)
{
    free(strangers->pids);
    *strangers = (struct strangers){0};
}

/* Forbids a core file to a process that we end: DGL aborts on TERM. Where cores go into a pipe
 * the kernel ignores a limit of 0, but not of 1 (core(5)). */
static void forbid_core(pid_t pid)
{
    struct rlimit limit;

    if (prlimit(pid, RLIMIT_CORE, NULL, &limit) != 0 || limit.rlim_cur == 1)
        return;
    limit.rlim_cur = limit.rlim_max < 1 ? limit.rlim_max : 1;
    prlimit(pid, RLIMIT_CORE, &limit, NULL);
}

/* Does nothing to a later process with the same pid. */
static int signal_one(const struct proc *proc, int signal, bool core)
{
    struct proc now;
    int fd, rc = -1;

    if (proc->pid <= 1)
        return -1;
    fd = kernel_pidfd_open(proc->pid);
    if (fd < 0 && errno != ENOSYS)
        return -1;
    if (proc_read(proc->pid, &now) == 0 && now.start == proc->start) {
        if (!core)
            forbid_core(proc->pid);
        rc = fd < 0 ? kill(proc->pid, signal) /* before Linux 5.3 */
                    : kernel_pidfd_send_signal(fd, signal);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int proc_signal(const struct proc *proc, int signal)
{
    return signal_one(proc, signal, true);
}

int proc_end(const struct proc *proc, int signal)
{
    return signal_one(proc, signal, false);
}

/* Returns how many were there to be signalled. */
static int signal_all(const struct procs *procs, int signal)
{
    int live = 0;

    for (size_t i = 0; i < procs->n; i++) {
        if (procs->items[i].zombie)
            continue;
        if (proc_end(&procs->items[i], signal) != 0)
            continue;
        proc_signal(&procs->items[i], SIGCONT);
        live++;
    }
    return live;
}

int proc_sweep(int signal, const pid_t *spared, size_t n)
{
    struct procs below = {0};
    int live;

    proc_below_except(getpid(), spared, n, &below);
    live = signal_all(&below, signal);
    procs_free(&below);
    return live;
}

void proc_sweep_tree(pid_t pid, int signal)
{
    struct procs tree = {0};
    struct proc root;

    proc_below(pid, &tree);
    if (proc_read(pid, &root) == 0)
        procs_add(&tree, &root);
    signal_all(&tree, signal);
    procs_free(&tree);
}

int proc_count(const pid_t *spared, size_t n)
{
    struct procs below = {0};
    int live = 0;

    proc_below_except(getpid(), spared, n, &below);
    for (size_t i = 0; i < below.n; i++)
        live += !below.items[i].zombie;
    procs_free(&below);
    return live;
}

int proc_kill_all(void)
{
    return proc_kill_all_but(0);
}

int proc_kill_all_but(pid_t spared)
{
    struct procs stopped = {0}, below = {0};
    struct strangers strangers = {0}; /* what moves on is caught by quick rounds alone */
    int live;

    for (int round = 0, found = 1; found > 0 && round < STOP_ROUNDS; round++) {
        found = 0;
        find_below(getpid(), &spared, spared > 0, &below, &strangers);
        for (size_t i = 0; i < below.n; i++) {
            const struct proc *proc = &below.items[i], *known = procs_find(&stopped, proc->pid);

            if (proc->zombie || (known && known->start == proc->start))
                continue;
            if (proc_signal(proc, SIGSTOP) == 0)
                found++;
        }
        procs_free(&stopped);
        stopped = below;
        below = (struct procs){0};
    }
    procs_free(&stopped);
    strangers_forget(&strangers);
    live = proc_sweep(SIGKILL, &spared, spared > 0);
    return live;
}

pid_t proc_reap(int *status, struct rusage *usage)
{
    pid_t pid;

    do
        pid = wait4(-1, status, WNOHANG, usage);
    while (pid < 0 && errno == EINTR);
    return pid;
}

/* Without WEXITED: who has ended is left to proc_reap. */
pid_t proc_paused(int *signal)
{
    siginfo_t info = {0};

    if (waitid(P_ALL, 0, &info, WSTOPPED | WCONTINUED | WNOHANG) != 0)
        return 0;
    *signal = info.si_code == CLD_CONTINUED ? 0 : info.si_status;
    return info.si_pid;
}
