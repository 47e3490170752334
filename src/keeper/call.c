/* call: /proc/PID/syscall has the number of the call and its arguments. A call with a descriptor as
 * its first argument leads by /proc/PID/fd to a socket, and the kernel's tables to its peer.
 */
#include "keeper/call.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/kernel.h"
#include "base/mem.h"
#include "base/procfs.h"
#include "keeper/sockets.h"

enum { NO_FD, FIRST_IS_FD, FIRST_IS_POLLFD };

static const struct {
    long number;
    const char *name;
    int first; /* what the first argument is */
} calls[] = {
#ifdef SYS_poll /* later architectures have ppoll alone */
    {SYS_poll, "poll", FIRST_IS_POLLFD},
    {SYS_select, "select", NO_FD},
    {SYS_epoll_wait, "epoll_wait", NO_FD},
    {SYS_pause, "pause", NO_FD},
    {SYS_open, "open", NO_FD},
    {SYS_unlink, "unlink", NO_FD},
    {SYS_rename, "rename", NO_FD},
    {SYS_stat, "stat", NO_FD},
#endif
    {SYS_ppoll, "ppoll", FIRST_IS_POLLFD},
    {SYS_pselect6, "pselect6", NO_FD},
    {SYS_epoll_pwait, "epoll_pwait", NO_FD},
    {SYS_futex, "futex", NO_FD},
    {SYS_read, "read", FIRST_IS_FD},
    {SYS_readv, "readv", FIRST_IS_FD},
    {SYS_pread64, "pread64", NO_FD},
    {SYS_write, "write", FIRST_IS_FD},
    {SYS_writev, "writev", FIRST_IS_FD},
    {SYS_pwrite64, "pwrite64", NO_FD},
    {SYS_recvfrom, "recvfrom", FIRST_IS_FD},
    {SYS_recvmsg, "recvmsg", FIRST_IS_FD},
    {SYS_sendto, "sendto", FIRST_IS_FD},
    {SYS_sendmsg, "sendmsg", FIRST_IS_FD},
    {SYS_connect, "connect", FIRST_IS_FD},
    {SYS_accept, "accept", NO_FD},
    {SYS_accept4, "accept4", NO_FD},
    {SYS_wait4, "wait4", NO_FD},
    {SYS_waitid, "waitid", NO_FD},
    {SYS_nanosleep, "nanosleep", NO_FD},
    {SYS_clock_nanosleep, "clock_nanosleep", NO_FD},
    {SYS_restart_syscall, "restart_syscall", NO_FD},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", NO_FD},
    {SYS_rt_sigsuspend, "rt_sigsuspend", NO_FD},
    {SYS_semtimedop, "semtimedop", NO_FD},
    {SYS_openat, "openat", NO_FD},
    {SYS_unlinkat, "unlinkat", NO_FD},
    {SYS_mmap, "mmap", NO_FD},
    {SYS_munmap, "munmap", NO_FD},
    {SYS_close, "close", NO_FD},
    {SYS_flock, "flock", NO_FD},
    {SYS_fcntl, "fcntl", NO_FD},
    {SYS_fsync, "fsync", NO_FD},
    {SYS_ioctl, "ioctl", NO_FD},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

static int find(long number)
{
    for (int i = 0; i < CALLS; i++) {
        if (calls[i].number == number)
            return i;
    }
    return -1;
}

/* ---- sockets ---- */

static unsigned long socket_of(pid_t pid, unsigned long fd)
{
    char name[32], target[64];
    unsigned long inode;

    snprintf(name, sizeof(name), "fd/%lu", fd);
    procfs_link(pid, name, target, sizeof(target));
    return sscanf(target, "socket:[%lu]", &inode) == 1 ? inode : 0;
}

/* poll(2) on one descriptor, as many libraries wait for one socket. */
static unsigned long polled_socket(pid_t pid, unsigned long at, unsigned long n)
{
    struct pollfd entry = {.fd = -1};
    struct iovec local = {.iov_base = &entry, .iov_len = sizeof(entry)}, remote = local;

    memcpy(&remote.iov_base, &at, sizeof(at));
    if (n != 1 || process_vm_readv(pid, &local, 1, &remote, 1, 0) != sizeof(entry) || entry.fd < 0)
        return 0;
    return socket_of(pid, (unsigned long)entry.fd);
}

struct sought {
    const unsigned long *sockets;
    char **peers;
    size_t n;
};

static bool take(void *arg, const struct socket_row *row)
{
    const struct sought *sought = arg;
    struct in_addr address = {.s_addr = row->peer};
    char text[INET_ADDRSTRLEN];

    for (size_t i = 0; row->state != SOCKET_LISTEN && row->inode && i < sought->n; i++) {
        if (sought->sockets[i] == row->inode && !sought->peers[i] &&
            inet_ntop(AF_INET, &address, text, sizeof(text)))
            sought->peers[i] = mem_printf("%s:%d", text, row->peer_port);
    }
    return true;
}

void call_peers(const unsigned long *sockets, char **peers, size_t n)
{
    struct sought sought = {sockets, peers, n};
    bool any = false;

    for (size_t i = 0; i < n; i++)
        any |= sockets[i] != 0;
    if (any)
        sockets_each(take, &sought);
}

char *call_of(pid_t pid, unsigned long *socket)
{
    unsigned long first = 0, second = 0;
    char text[256];
    long number;
    int call;

    *socket = 0;
    if (!kernel_is(5, 7))
        return NULL;
    procfs_read(pid, "syscall", text, sizeof(text));
    if (sscanf(text, "%ld 0x%lx 0x%lx", &number, &first, &second) != 3 || number < 0)
        return NULL; /* "running", or "-1": it waits, but in no call */
    call = find(number);
    if (call < 0)
        return mem_printf("system call %ld", number);
    if (calls[call].first == FIRST_IS_FD)
        *socket = socket_of(pid, first);
    else if (calls[call].first == FIRST_IS_POLLFD)
        *socket = polled_socket(pid, first, second);
    return mem_strdup(calls[call].name);
}
