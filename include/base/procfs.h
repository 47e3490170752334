/* procfs: what /proc shows of a process. Nothing here blocks. */
#ifndef BASE_PROCFS_H
#define BASE_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads /proc/PID/NAME, at most size - 1 bytes of it, and ends it by NUL. Returns how many bytes; 0
 * and "" where it may not be read. */
size_t procfs_read(pid_t pid, const char *name, char *text, size_t size);

/* Where the link /proc/PID/NAME leads, cut to size - 1 bytes; "" where it may not be seen. */
void procfs_link(pid_t pid, const char *name, char *text, size_t size);

/* Calls look for each process of the machine until it returns true. */
void procfs_each(bool (*look)(void *arg, pid_t pid), void *arg);

/* Calls look for each descriptor of a process until it returns true: NAME in the open folder fds is
 * the link, which leads to target. 1: look has returned true; 0: it never has; -1 with errno: the
 * process has gone (ENOENT), or may not be looked into. */
int procfs_each_fd(pid_t pid,
                   bool (*look)(void *arg, int fds, const char *name, const char *target),
                   void *arg);

#endif
