/* standin_system: system calls and functions of the C library that the coordinator uses, by the
 * linker's --wrap. What is no rank's goes to the real ones.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "coord/announce.h"
#include "judge.h"
#include "machine.h"
#include "report/json.h"
#include "standin.h"

enum { FD_BASE = 1 << 24 };

/* The names are the linker's. */
int __wrap_poll(struct pollfd *entries, nfds_t n, int timeout);
int __wrap___poll_chk(struct pollfd *entries, nfds_t n, int timeout, size_t size);
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);
int __wrap_close(int fd);
int __wrap_kill(pid_t pid, int signal);
pid_t __wrap_waitpid(pid_t pid, int *status, int flags);
pid_t __wrap_getpid(void);
int __wrap_access(const char *path, int mode);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
int __wrap_gethostname(char *name, size_t size);
int __wrap_file_read(const char *path, size_t max, struct buf *out, struct err *err);
void __real_report_json(struct buf *out, const struct report *report);
void __wrap_report_json(struct buf *out, const struct report *report);
int __real_announce_unpack(struct announce *a, const struct buf *data, struct err *err);
int __wrap_announce_unpack(struct announce *a, const struct buf *data, struct err *err);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);

/* ---- descriptors and time ---- */

int standin_fd(const struct node *node, enum standin_fd kind)
{
    return FD_BASE + node->index * FD_KINDS + (int)kind;
}

struct node *standin_node(void)
{
    return world.current;
}

static short what_is_ready(const struct node *node, enum standin_fd kind)
{
    switch (kind) {
    case FD_KEEPER:
        return machine_has_message(node->keeper) || machine_is_gone(node->keeper) ? POLLIN : 0;
    case FD_SIGNALS: return node->n_signals ? POLLIN : 0;
    case FD_DOORBELL: return node->n_rung ? POLLIN : 0;
    case FD_PARENT: return node->parent_gone ? POLLIN : 0;
    case FD_CONSOLE: return world.now >= node->reader_back ? POLLOUT : 0;
    default: return 0;
    }
}

static int look(const struct node *node, struct pollfd *entries, nfds_t n)
{
    int ready = 0;

    for (nfds_t i = 0; i < n; i++) {
        entries[i].revents = 0;
        if (entries[i].fd < FD_BASE)
            continue;
        if ((entries[i].fd - FD_BASE) / FD_KINDS != node->index)
            violated("rank %d polls descriptor %d", node->index, entries[i].fd);
        entries[i].revents =
            entries[i].events &
            what_is_ready(node, (enum standin_fd)((entries[i].fd - FD_BASE) % FD_KINDS));
        ready += entries[i].revents != 0;
    }
    return ready;
}

/* A loop that never lets time pass would hang a real rank. */
static void count_looks(struct node *node)
{
    enum { LOOKS_MOST = 20000 };

    if (node->last_look != world.now)
        node->looks = 0;
    node->last_look = world.now;
    if (++node->looks > LOOKS_MOST)
        violated("rank %d polls without end and never waits", node->index);
}

int __wrap_poll(struct pollfd *entries, nfds_t n, int timeout)
{
    struct node *node = world.current;
    int ready = look(node, entries, n);

    count_looks(node);
    if (ready || !timeout)
        return ready;
    node_wait(timeout < 0 ? -1 : (int64_t)timeout * 1000);
    return look(node, entries, n);
}

int __wrap___poll_chk(struct pollfd *entries, nfds_t n, int timeout, size_t size)
{
    (void)size;
    return __wrap_poll(entries, n, timeout);
}

int __wrap_close(int fd)
{
    const struct node *node = world.current;

    if (node && fd == standin_fd(node, FD_KEEPER))
        machine_let_go(node->keeper);
    return 0;
}

/* ---- processes ---- */

_Noreturn void __wrap__exit(int code)
{
    if (world.current) {
        judge_leaving(world.current);
        node_end(world.current, FATE_EXITED, code);
    }
    __real__exit(code);
}

int __wrap_kill(pid_t pid, int signal)
{
    (void)pid, (void)signal;
    machine_kill(world.current->keeper);
    return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int flags)
{
    (void)flags;
    if (status)
        *status = 0;
    return pid;
}

pid_t __wrap_getpid(void)
{
    return 100000 + (world.current ? world.current->index : 0);
}

int __wrap_gethostname(char *name, size_t size)
{
    snprintf(name, size, "vm%d", world.current->machine);
    return 0;
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    memset(bytes, 42, len);
    return (ssize_t)len;
}

/* ---- files ---- */

int __wrap_access(const char *path, int mode)
{
    (void)path, (void)mode;
    return 0;
}

/* Every file is ip_config. */
int __wrap_file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    static struct buf text;

    (void)path, (void)max, (void)err;
    if (!text.len)
        for (int i = 0; i < world.schedule->machines; i++)
            buf_addf(&text, "10.%d.%d.%d\n", i >> 16, i >> 8 & 255, i & 255);
    buf_add(out, text.data, text.len);
    if (world.current->check_fails && world.current->holds_signals) /* not when the job is loaded */
        out->data[out->len - 1] = '#';
    return 0;
}

void __wrap_report_json(struct buf *out, const struct report *report)
{
    judge_report(report);
    __real_report_json(out, report);
}

/* All ranks of the world share rank 0's copies: 10,000 of them with 10,000 lines each would need
 * gigabytes. */
int __wrap_announce_unpack(struct announce *a, const struct buf *data, struct err *err)
{
    static struct announce first;
    static size_t len;

    if (len != data->len && __real_announce_unpack(&first, data, err))
        return -1;
    len = data->len;
    *a = first;
    return 0;
}

/* ---- memory: counted by rank ---- */

static void account(int64_t bytes)
{
    struct counts *counts = world.current ? &world.current->counts : NULL;

    if (!counts)
        return;
    counts->memory += bytes;
    if (counts->memory > counts->memory_peak)
        counts->memory_peak = counts->memory;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *p = __real_calloc(n, size);

    if (world.measures)
        account((int64_t)malloc_usable_size(p));
    return p;
}

void *__wrap_realloc(void *old, size_t size)
{
    int64_t before = world.measures ? (int64_t)malloc_usable_size(old) : 0;
    void *p = __real_realloc(old, size);

    if (world.measures)
        account((int64_t)malloc_usable_size(p) - before);
    return p;
}

void __wrap_free(void *p)
{
    if (world.measures)
        account(-(int64_t)malloc_usable_size(p));
    __real_free(p);
}
