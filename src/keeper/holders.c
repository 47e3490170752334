/* holders: /proc/PID/maps and /proc/PID/fd. Files are known by device and inode: names may hold any
 * byte, and may have come to mean another file. Where the two disagree (a stacked file system),
 * nothing is found.
 */
#include "keeper/holders.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* "7f00-7f10 rw-s 00000000 00:1a 42    /dev/shm/name" */
static void look_at_map(const char *line, const char *folder,
                        void (*found)(void *arg, dev_t dev, ino_t ino), void *arg)
{
    const char *path = strchr(line, '/');
    unsigned int major, minor;
    unsigned long long inode;

    if (path && below(path, folder) &&
        sscanf(line, "%*s %*s %*s %x:%x %llu", &major, &minor, &inode) == 3)
        found(arg, makedev(major, minor), (ino_t)inode);
}

static int look_at_maps(pid_t pid, const char *folder,
                        void (*found)(void *arg, dev_t dev, ino_t ino), void *arg)
{
    char path[32], *line = NULL;
    size_t size = 0;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    if (!maps)
        return -1;
    while (getline(&line, &size, maps) > 0)
        look_at_map(line, folder, found, arg);
    free(line);
    fclose(maps);
    return 0;
}

/* The link's text first: to ask for the state of a file may take for ever on a network that is
 * gone. */
static int look_at_fds(pid_t pid, const char *folder,
                       void (*found)(void *arg, dev_t dev, ino_t ino), void *arg)
{
    char path[32], target[PATH_MAX];
    struct dirent *entry;
    struct stat st;
    ssize_t len;
    DIR *fds;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    fds = opendir(path);
    if (!fds)
        return -1;
    while ((entry = readdir(fds))) {
        len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
        target[len < 0 ? 0 : len] = '\0';
        if (below(target, folder) && fstatat(dirfd(fds), entry->d_name, &st, 0) == 0)
            found(arg, st.st_dev, st.st_ino);
    }
    closedir(fds);
    return 0;
}

int holders_look(pid_t pid, const char *folder, void (*found)(void *arg, dev_t dev, ino_t ino),
                 void *arg)
{
    int maps = look_at_maps(pid, folder, found, arg), fds = look_at_fds(pid, folder, found, arg);

    return maps == 0 && fds == 0 ? 0 : -1;
}
