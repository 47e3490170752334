/* watch: one pidfd a descendant in one epoll descriptor, and a table of who they are. How one has
 * died is field 52 of a zombie's stat, or what its pidfd still tells when the parent has reaped it
 * (Linux 6.15); its parent alone is told by wait. Decides nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/kernel.h"
#include "base/mem.h"
#include "keeper/program.h"
#include "keeper/sockets.h"
#include "keeper/watch.h"

enum {
    LOOK_FIRST_MS = 50,
    LOOK_SHARE = 200, /* of the time between looks one look may take 1/200, 0.5 % of a core */
    EARLY_SHARE = 10, /* the same, while the interval still grows */
    EXEC_MS = 2000,   /* before exec a new process shows its parent's command line: */
    EXEC_LOOKS = 3,   /* it is read again for so long, and at least at so many looks */
    AGAIN_MS = 50,    /* between two such readings, which need no look through /proc */
    ALL_MS = 10000,   /* between two looks that read all processes of the machine, */
    ALL_SHARE = 500,  /* and their share */
    SPARE_FILES = 256 /* descriptors that are left for pipes and log files */
};

struct entry {
    struct watch_death who;
    int fd, looks;
    bool by_look; /* no pidfd before Linux 5.3: its death is seen at a look, unless it is reaped */
    bool dead;    /* such a one, and its death is still to be told */
    int64_t seen; /* clock_ms of the first look */
    bool python;  /* that no other Python has started */
    bool client;  /* was seen with a connection to a server */
    int clients;  /* its workers that were */
};

struct watch {
    int fd;
    struct entry *entries; /* by pid */
    size_t n, most;
    int every;
    int64_t next, again; /* the next look, and the next reading of the new ones alone */
    struct procs below;  /* what the last look found */
    struct strangers strangers;
    int64_t forget_at; /* when the next look reads the strangers too */
    int64_t cost_us;   /* of the last look that did not */
    struct in_addr ip; /* of this machine's servers */
    int port, servers; /* 0: none that can be seen */
    int samplers;      /* a trainer */
};

/* <linux/pidfd.h> of Linux 6.15, its first version; Debian 12's headers are older. */
struct exit_info {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t status;
};
enum { INFO_EXIT = 8 };
#define GET_INFO _IOWR(0xFF, 11, struct exit_info)

struct watch *watch_open(void)
{
    struct watch *watch = mem_calloc(1, sizeof(*watch));
    struct rlimit files = {0};

    watch->fd = epoll_create1(EPOLL_CLOEXEC);
    if (watch->fd < 0) {
        free(watch);
        return NULL;
    }
    watch->most = WATCH_MOST;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < WATCH_MOST + SPARE_FILES)
        watch->most = files.rlim_cur > SPARE_FILES ? files.rlim_cur - SPARE_FILES : 0;
    watch->every = LOOK_FIRST_MS;
    watch->again = CLOCK_NEVER;
    return watch;
}

void watch_close(struct watch *watch)
{
    if (!watch)
        return;
    for (size_t i = 0; i < watch->n; i++) {
        if (watch->entries[i].fd >= 0)
            close(watch->entries[i].fd);
    }
    close(watch->fd);
    procs_free(&watch->below);
    strangers_forget(&watch->strangers);
    free(watch->entries);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

int64_t watch_next_look(const struct watch *watch)
{
    return watch->again < watch->next ? watch->again : watch->next;
}

/* ---- who they are ---- */

static void look_closer(struct watch_death *who, const struct procs *below)
{
    if (!who->worker)
        who->proper = program_is_proper(below, who->pid, who->top);
    if (who->proper && who->pid != who->top)
        who->piped = program_is_piped(who->pid, who->top);
    if (!who->proper)
        who->worker = program_is_worker(who->pid);
}

static void note_peak(struct watch_death *who)
{
    long peak = program_peak_kb(who->pid);

    if (peak > who->peak_kb)
        who->peak_kb = peak;
}

/* ---- the table ---- */

static int by_pid(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return (left->who.pid > right->who.pid) - (left->who.pid < right->who.pid);
}

static struct entry *find(const struct watch *watch, pid_t pid, size_t n)
{
    struct entry key = {.who.pid = pid};

    return n == 0 ? NULL : bsearch(&key, watch->entries, n, sizeof(key), by_pid);
}

/* A zombie stays in the table, so that it is not taken for a new process. */
static void bury(struct watch *watch, struct entry *entry)
{
    entry->by_look = entry->dead = false;
    if (entry->fd < 0)
        return;
    epoll_ctl(watch->fd, EPOLL_CTL_DEL, entry->fd, NULL); /* a forked child may hold a copy */
    close(entry->fd);
    entry->fd = -1;
}

/* proc: who has the pid now; NULL: nobody. */
static void look_at_death(struct entry *entry, const struct proc *proc)
{
    bool same = proc && proc->start == entry->who.start;

    entry->dead = !same || proc->zombie;
    if (same && proc->zombie && entry->who.status == WATCH_UNKNOWN)
        entry->who.status = proc->status;
}

static void forget_gone(struct watch *watch, const struct procs *below)
{
    size_t n = 0;

    for (size_t i = 0; i < watch->n; i++) {
        struct entry *entry = &watch->entries[i];
        const struct proc *proc = procs_find(below, entry->who.pid);

        if (entry->by_look && !entry->dead)
            look_at_death(entry, proc);
        if (entry->fd >= 0 || entry->dead || (proc && proc->start == entry->who.start))
            watch->entries[n++] = *entry;
    }
    watch->n = n;
}

/* An orphan keeps the top that it had when it was first seen. */
static pid_t top_of(const struct watch *watch, const struct procs *below, const struct proc *proc,
                    size_t known)
{
    const struct proc *parent;
    const struct entry *top;

    while ((parent = procs_find(below, proc->parent)))
        proc = parent;
    top = find(watch, proc->pid, known);
    return top && top->who.start == proc->start ? top->who.top : proc->pid;
}

/* known: how many of the entries are sorted. */
static void add(struct watch *watch, const struct procs *below, const struct proc *proc,
                size_t known, int64_t now)
{
    const struct proc *parent = procs_find(below, proc->parent);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)proc->pid};
    struct entry *entry;
    bool by_look;
    int fd;

    if (watch->n >= watch->most)
        return;
    fd = kernel_pidfd_open(proc->pid);
    by_look = fd < 0 && errno == ENOSYS;
    if (fd < 0 && !by_look)
        return;
    if (fd >= 0 && epoll_ctl(watch->fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        return;
    }
    watch->entries = mem_realloc(watch->entries, watch->n + 1, sizeof(*entry));
    entry = &watch->entries[watch->n++];
    *entry = (struct entry){.fd = fd, .by_look = by_look, .seen = now};
    entry->who = (struct watch_death){.pid = proc->pid,
                                      .start = proc->start,
                                      .status = WATCH_UNKNOWN,
                                      .parent = proc->parent,
                                      .parent_start = parent ? parent->start : 0,
                                      .top = top_of(watch, below, proc, known)};
}

/* Adds the processes that are new. One whose pid was reused before its predecessor's death was
 * told waits for the next look. */
static void take_in(struct watch *watch, const struct procs *below, int64_t now)
{
    size_t known;

    forget_gone(watch, below);
    known = watch->n;
    for (size_t i = 0; i < below->n; i++) {
        if (!find(watch, below->items[i].pid, known))
            add(watch, below, &below->items[i], known, now);
    }
    if (watch->n > known)
        qsort(watch->entries, watch->n, sizeof(*watch->entries), by_pid);
}

static bool is_new(const struct entry *entry, int64_t now)
{
    return now - entry->seen <= EXEC_MS;
}

static void describe(struct watch *watch, const struct procs *below, int64_t now)
{
    for (size_t i = 0; i < watch->n; i++) {
        struct entry *entry = &watch->entries[i];
        const struct proc *proc = procs_find(below, entry->who.pid);

        if (!proc || proc->zombie)
            continue;
        memcpy(entry->who.name, proc->name, sizeof(proc->name));
        if (entry->looks++ < EXEC_LOOKS || is_new(entry, now)) {
            look_closer(&entry->who, below);
            entry->python = program_is_first_python(below, proc);
        }
        if (entry->who.worker)
            note_peak(&entry->who);
    }
}

/* Could exec still make it a program or a worker that it is not yet? */
static bool may_become(const struct entry *entry, int64_t now)
{
    return is_new(entry, now) && !entry->who.proper && !entry->who.worker &&
           (entry->fd >= 0 || (entry->by_look && !entry->dead));
}

/* Reads the new ones again, which may die before the next look: nobody could tell then what they
 * were. */
static void read_again(struct watch *watch, int64_t now)
{
    for (size_t i = 0; i < watch->n; i++) {
        if (may_become(&watch->entries[i], now))
            look_closer(&watch->entries[i].who, &watch->below);
    }
}

/* ---- trainers and their pools ---- */

void watch_pools(struct watch *watch, const char *ip, int port, int n, int samplers)
{
    watch->servers = inet_aton(ip, &watch->ip) != 0 ? n : 0;
    watch->port = port;
    watch->samplers = samplers;
}

static struct entry *parent_of(const struct watch *watch, const struct entry *worker)
{
    struct entry *parent = find(watch, worker->who.parent, watch->n);

    return parent && parent->who.start == worker->who.parent_start ? parent : NULL;
}

/* A worker that may be DGL's or the script's: nothing has shown it yet. */
static bool is_open(const struct watch *watch, const struct entry *entry,
                    const struct entry *parent)
{
    return entry->fd >= 0 && entry->who.worker && !entry->client && parent &&
           parent->clients < watch->samplers;
}

static void look_at_worker(const struct sockets *connections, struct entry *worker,
                           struct entry *parent)
{
    if (!parent->client)
        parent->client = sockets_held_by(connections, parent->who.pid) > 0;
    worker->client = sockets_held_by(connections, worker->who.pid) > 0;
    parent->clients += worker->client;
}

/* Reads the connections only where there is somebody to look at. */
static void look_at_pools(struct watch *watch)
{
    struct sockets connections = {0};
    bool have_read = false;

    for (size_t i = 0; i < watch->n && watch->servers > 0; i++) {
        struct entry *entry = &watch->entries[i], *parent = parent_of(watch, entry);

        if (!is_open(watch, entry, parent))
            continue;
        if (!have_read)
            sockets_connected_to(&connections, watch->ip, watch->port, watch->servers);
        have_read = true;
        look_at_worker(&connections, entry, parent);
    }
    sockets_free(&connections);
}

/* If the parent has died too, only what was seen of the worker itself counts. */
static bool is_sampler(const struct watch *watch, const struct entry *entry)
{
    const struct entry *parent = parent_of(watch, entry);

    if (!entry->who.worker || entry->client)
        return entry->client;
    return parent && parent->clients < watch->samplers && (parent->who.proper || parent->client);
}

static int64_t at_least(int64_t ms, int64_t cost_us, int share)
{
    int64_t cheap = cost_us * share / 1000;

    return cheap > ms ? cheap : ms;
}

/* While the interval grows (14 looks in 5 s) births matter more than the share. */
static void set_next(struct watch *watch, int64_t now, int64_t cost_us, int slowest)
{
    watch->every = watch->every * 5 / 4 < slowest ? watch->every * 5 / 4 : slowest;
    watch->next =
        now + at_least(watch->every, cost_us, watch->every < slowest ? EARLY_SHARE : LOOK_SHARE);
}

static void set_again(struct watch *watch, int64_t now, int64_t cost_us)
{
    bool any = false;

    for (size_t i = 0; i < watch->n && !any; i++)
        any = may_become(&watch->entries[i], now);
    watch->again = any ? now + at_least(AGAIN_MS, cost_us, EARLY_SHARE) : CLOCK_NEVER;
}

static void look(struct watch *watch, int64_t now)
{
    procs_free(&watch->below);
    proc_below_again(getpid(), &watch->below, &watch->strangers);
    take_in(watch, &watch->below, now);
    describe(watch, &watch->below, now);
    look_at_pools(watch);
}

void watch_look(struct watch *watch, int64_t now, int slowest)
{
    int64_t before = clock_cpu_us(), cost;
    bool all = now >= watch->forget_at;

    if (all)
        strangers_forget(&watch->strangers);
    look(watch, now);
    cost = clock_cpu_us() - before;
    if (all)
        watch->forget_at = now + at_least(ALL_MS, cost, ALL_SHARE);
    else
        watch->cost_us = cost;
    set_next(watch, now, watch->cost_us, slowest);
    set_again(watch, now, 0);
}

bool watch_tick(struct watch *watch, int64_t now, int slowest)
{
    int64_t before = clock_cpu_us();

    if (now >= watch->next) {
        watch_look(watch, now, slowest);
        return true;
    }
    if (now >= watch->again) {
        read_again(watch, now);
        set_again(watch, now, clock_cpu_us() - before);
    }
    return false;
}

/* ---- deaths ---- */

/* What is not known yet: how it has ended, and its name. If the parent reaps it between the two
 * questions, the second one answers. */
static void ask(const struct entry *entry, struct watch_death *death)
{
    struct exit_info info = {.mask = INFO_EXIT};
    struct proc now;
    bool there = proc_read(death->pid, &now) == 0 && now.start == death->start;

    if (there && death->name[0] == '\0')
        memcpy(death->name, now.name, sizeof(now.name));
    if (death->status != WATCH_UNKNOWN)
        return;
    if (there && now.zombie)
        death->status = now.status;
    else if (ioctl(entry->fd, GET_INFO, &info) == 0 && (info.mask & INFO_EXIT) != 0)
        death->status = info.status;
}

bool watch_next_death(struct watch *watch, struct watch_death *death)
{
    struct epoll_event event;
    struct entry *entry = NULL;

    for (size_t i = 0; i < watch->n && !entry; i++)
        entry = watch->entries[i].dead ? &watch->entries[i] : NULL;
    if (!entry && epoll_wait(watch->fd, &event, 1, 0) == 1)
        entry = find(watch, (pid_t)event.data.u64, watch->n);
    if (!entry)
        return false;
    *death = entry->who;
    death->sampler = is_sampler(watch, entry);
    if (death->status == WATCH_UNKNOWN || death->name[0] == '\0')
        ask(entry, death);
    bury(watch, entry);
    return true;
}

void watch_reaped(struct watch *watch, pid_t pid, int status)
{
    struct entry *entry = find(watch, pid, watch->n);

    if (entry)
        entry->who.status = status;
}

/* ---- programs ---- */

void watch_look_soon(struct watch *watch)
{
    watch->every = LOOK_FIRST_MS;
    watch->next = 0;
}

bool watch_went_on(const struct watch *watch, const pid_t *shells, size_t n,
                   unsigned long long since)
{
    for (size_t i = 0; i < watch->n; i++) {
        const struct watch_death *who = &watch->entries[i].who;

        for (size_t k = 0; k < n; k++) {
            if ((who->parent == shells[k] && who->start > since) ||
                (who->pid == shells[k] && who->proper))
                return true;
        }
    }
    return false;
}

void watch_each_python(const struct watch *watch, int64_t now, int64_t age_ms,
                       void (*found)(void *arg, pid_t top, pid_t pid), void *arg)
{
    for (size_t i = 0; i < watch->n; i++) {
        const struct entry *entry = &watch->entries[i];

        if (entry->python && entry->fd >= 0 && now - entry->seen >= age_ms)
            found(arg, entry->who.top, entry->who.pid);
    }
}
