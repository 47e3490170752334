/* holders: /proc/PID/maps and /proc/PID/fd. Files are known by device and inode: names may hold any
 * byte, and may have come to mean another file. Where the two disagree (a stacked file system),
 * nothing is found.
 */
#include "keeper/holders.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/procfs.h"

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

struct look {
    const char *folder;
    void (*found)(void *arg, dev_t dev, ino_t ino);
    void *arg;
};

/* Looks at the link's text first: fstatat may hang on a network file system that is gone. */
static bool look_at_fd(void *arg, int fds, const char *name, const char *target)
{
    const struct look *look = arg;
    struct stat st;

    if (below(target, look->folder) && fstatat(fds, name, &st, 0) == 0)
        look->found(look->arg, st.st_dev, st.st_ino);
    return false;
}

int holders_look(pid_t pid, const char *folder, void (*found)(void *arg, dev_t dev, ino_t ino),
                 void *arg)
{
    int maps = look_at_maps(pid, folder, found, arg);
    int fds = procfs_each_fd(pid, look_at_fd, &(struct look){folder, found, arg});

    return maps == 0 && fds == 0 ? 0 : -1;
}
