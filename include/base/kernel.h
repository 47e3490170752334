/* kernel: the system calls that RHEL 8 lacks, with Linux 4.18 and a C library that does not name
 * them. Each may fail with ENOSYS; the caller says what follows then. Nobody else calls syscall(2).
 */
#ifndef BASE_KERNEL_H
#define BASE_KERNEL_H

#include <stdbool.h>
#include <sys/types.h>

/* Linux 5.3: a descriptor that is readable when the process has ended. -1 with errno. */
int kernel_pidfd_open(pid_t pid);

/* Linux 5.1. 0, or -1 with errno. */
int kernel_pidfd_send_signal(int pidfd, int signal);

/* Linux 5.6: a copy of that process's descriptor fd, if this one may trace it. -1 with errno. */
int kernel_pidfd_getfd(int pidfd, int fd);

/* Linux 5.9: closes first and all above. 0, or -1 with errno. Async-signal-safe. */
int kernel_close_from(unsigned first);

/* Is it Linux major.minor or later? Until 5.7 whoever looks at a process's system call, bytes or
 * memory waits while it executes another program, which may come from a file system that hangs. */
bool kernel_is(int major, int minor);

#endif
