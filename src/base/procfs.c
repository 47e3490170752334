/* procfs: files, links and folders of /proc/PID. */
#include "base/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_SIZE = 96 };

size_t procfs_read(pid_t pid, const char *name, char *text, size_t size)
{
    char path[PATH_SIZE];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[len < 0 ? 0 : len] = '\0';
    return len < 0 ? 0 : (size_t)len;
}

static void read_link(int folder, const char *name, char *text, size_t size)
{
    ssize_t len = readlinkat(folder, name, text, size - 1);

    text[len < 0 ? 0 : len] = '\0';
}

void procfs_link(pid_t pid, const char *name, char *text, size_t size)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    read_link(AT_FDCWD, path, text, size);
}

void procfs_each(bool (*look)(void *arg, pid_t pid), void *arg)
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            look(arg, (pid_t)strtol(entry->d_name, NULL, 10)))
            break;
    }
    if (folder)
        closedir(folder);
}

int procfs_each_fd(pid_t pid,
                   bool (*look)(void *arg, int fds, const char *name, const char *target),
                   void *arg)
{
    char path[PATH_SIZE], target[PATH_MAX];
    struct dirent *entry;
    int found = 0;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    if (!folder)
        return -1;
    while (!found && (entry = readdir(folder))) {
        read_link(dirfd(folder), entry->d_name, target, sizeof(target));
        found = look(arg, dirfd(folder), entry->d_name, target);
    }
    closedir(folder);
    return found;
}
