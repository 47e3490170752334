/* folder: makes one under a name that nobody can know before. Removes one by a walk that holds one
 * descriptor, follows no links down and checks where it is when it has stepped up.
 */
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strv.h"

#define OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* ---- making and finding ---- */

static int cannot_make(const char *path, const char *why, struct err *err)
{
    return err_set(err, EXIT_MACHINE,
                   "cannot make the job's folder '%s': %s; TMPDIR names another place for it", path,
                   why);
}

static bool is_private(const struct stat *st)
{
    return S_ISDIR(st->st_mode) && st->st_uid == geteuid() && !(st->st_mode & 077);
}

/* May users other than the owner and the group, who are trusted, rename what is in parent? */
static bool others_may_replace(int parent)
{
    struct stat st;

    return fstat(parent, &st) || ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX));
}

static int random_name(char *name, size_t size, const char *prefix)
{
    unsigned char bytes[FOLDER_RANDOM / 2];
    size_t len = (size_t)snprintf(name, size, "%s", prefix);

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -1;
    for (size_t i = 0; i < sizeof(bytes) && len + 2 < size; i++, len += 2)
        snprintf(name + len, size - len, "%02x", bytes[i]);
    return 0;
}

/* Sets the umask, which may take even the owner's rights. */
int folder_make_private(int parent, const char *name)
{
    mode_t users = umask(077);
    int rc = mkdirat(parent, name, 0700);

    umask(users);
    return rc;
}

static int make_in(struct folder *folder, int parent, const char *path, const char *prefix,
                   struct err *err)
{
    char name[128], *full;
    int fd = -1;

    if (others_may_replace(parent))
        return cannot_make(path, "all may write there, and it is not sticky ('chmod +t')", err);
    if (random_name(name, sizeof(name), prefix))
        return cannot_make(path, strerror(errno), err);
    full = mem_printf("%s/%s", path, name);
    if (folder_make_private(parent, name))
        cannot_make(full, strerror(errno), err);
    else if ((fd = folder_find(folder, parent, name, full)) < 0)
        cannot_make(
            full,
            "it is not for this user alone (another has swapped it, or the file system keeps no "
            "modes)",
            err);
    free(full);
    return fd;
}

int folder_make(struct folder *folder, const char *parent, const char *prefix, struct err *err)
{
    int in = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

    *folder = (struct folder){0};
    if (in < 0)
        return cannot_make(parent, strerror(errno), err);
    fd = make_in(folder, in, parent, prefix, err);
    close(in);
    return fd;
}

int folder_find(struct folder *folder, int parent, const char *name, const char *path)
{
    int fd = openat(parent, name, OPEN_FLAGS);
    struct stat st;

    *folder = (struct folder){0};
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) || !is_private(&st)) {
        close(fd);
        return -1;
    }
    *folder = (struct folder){.path = mem_strdup(path), .dev = st.st_dev, .ino = st.st_ino};
    return fd;
}

int folder_open(const struct folder *folder)
{
    int fd = folder->path ? open(folder->path, OPEN_FLAGS) : -1;
    struct stat st;

    if (fd < 0)
        return -1;
    if (!fstat(fd, &st) && is_private(&st) && st.st_dev == folder->dev && st.st_ino == folder->ino)
        return fd;
    close(fd);
    return -1;
}

int folder_open_file(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -1;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1 &&
        !(st.st_mode & 077))
        return fd;
    close(fd);
    return -1;
}

void folder_clear(struct folder *folder)
{
    free(folder->path);
    *folder = (struct folder){0};
}

/* ---- removing ---- */

/* A folder on the way down. */
struct level {
    char *name; /* in the level above; NULL: this is the first */
    dev_t dev;
    ino_t ino;
    struct strv below; /* folders in it; those before `next` have been emptied */
    size_t next;
};

struct walk {
    int fd;           /* of the last level */
    int mount;        /* all levels must be in this mount */
    const char *last; /* a file of the first level that stays; NULL: none */
    struct level *levels;
    size_t n;
};

/* The mount that fd is in (Linux 3.15); -1: not known. st_dev does not tell bind mounts apart. */
static int mount_of(int fd)
{
    char path[48], line[128];
    int mount = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    file = fopen(path, "re");
    while (file && mount < 0 && fgets(line, sizeof(line), file)) {
        if (!strncmp(line, "mnt_id:", 7))
            mount = (int)strtol(line + 7, NULL, 10);
    }
    if (file)
        fclose(file);
    return mount;
}

static bool is_here_or_above(const struct dirent *entry)
{
    return !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
}

/* NULL, or what closedir closes; fd stays open. */
static DIR *list(int fd)
{
    int copy = openat(fd, ".", OPEN_FLAGS);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);

    if (!listing && copy >= 0)
        close(copy);
    return listing;
}

/* Removes the files of the last level, and notes its folders. */
static void remove_files(struct walk *walk)
{
    struct level *level = &walk->levels[walk->n - 1];
    DIR *listing = list(walk->fd);
    struct dirent *entry;

    while (listing && (entry = readdir(listing))) {
        if (is_here_or_above(entry) ||
            (walk->n == 1 && walk->last && !strcmp(entry->d_name, walk->last)))
            continue;
        if (unlinkat(walk->fd, entry->d_name, 0) != 0 && errno != ENOENT)
            strv_add(&level->below, entry->d_name);
    }
    if (listing)
        closedir(listing);
}

/* Makes fd, which it takes over, a new last level, and removes the files in it. */
static void enter(struct walk *walk, int fd, const struct stat *st, const char *name)
{
    walk->levels = mem_realloc(walk->levels, walk->n + 1, sizeof(*walk->levels));
    walk->levels[walk->n++] =
        (struct level){.name = mem_strdup(name), .dev = st->st_dev, .ino = st->st_ino};
    if (walk->fd >= 0)
        close(walk->fd);
    walk->fd = fd;
    remove_files(walk);
}

static void leave(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->n];

    free(level->name);
    strv_free(&level->below);
}

static void go_down(struct walk *walk, const char *name)
{
    const struct level *level = &walk->levels[walk->n - 1];
    int fd = openat(walk->fd, name, OPEN_FLAGS);
    struct stat st;

    if (fd >= 0 && !fstat(fd, &st) && st.st_dev == level->dev && mount_of(fd) == walk->mount) {
        enter(walk, fd, &st, name);
        return;
    }
    if (fd >= 0)
        close(fd);
    else
        unlinkat(walk->fd, name, AT_REMOVEDIR); /* it cannot be opened, but may be empty */
}

/* False: somebody has moved the folder, and ".." is not where the walk came from. */
static bool go_up(struct walk *walk)
{
    const struct level *above = &walk->levels[walk->n - 2];
    int fd = openat(walk->fd, "..", OPEN_FLAGS);
    struct stat st;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) || st.st_dev != above->dev || st.st_ino != above->ino) {
        close(fd);
        return false;
    }
    close(walk->fd);
    walk->fd = fd;
    unlinkat(fd, walk->levels[walk->n - 1].name, AT_REMOVEDIR);
    leave(walk);
    return true;
}

/* Removes all that is in fd, which it takes over, but for the file `last`. */
static void empty(int fd, const struct stat *st, const char *last)
{
    struct walk walk = {.fd = -1, .mount = mount_of(fd), .last = last};
    bool here = true;

    enter(&walk, fd, st, NULL);
    while (here) {
        struct level *level = &walk.levels[walk.n - 1];

        if (level->next < level->below.n) {
            char *name = mem_strdup(level->below.items[level->next++]);

            go_down(&walk, name); /* may reallocate the levels */
            free(name);
        } else {
            here = walk.n > 1 && go_up(&walk);
        }
    }
    while (walk.n > 0)
        leave(&walk);
    close(walk.fd);
    free(walk.levels);
}

static bool holds_only(int fd, const char *name)
{
    DIR *listing = list(fd);
    bool only = listing != NULL;
    struct dirent *entry;

    while (only && (entry = readdir(listing)))
        only = is_here_or_above(entry) || !strcmp(entry->d_name, name);
    if (listing)
        closedir(listing);
    return only;
}

static void remove_last(const struct folder *folder, const char *last)
{
    int fd = folder_open(folder);

    if (fd < 0)
        return;
    if (holds_only(fd, last))
        unlinkat(fd, last, 0);
    close(fd);
}

bool folder_remove_last(const struct folder *folder, const char *last)
{
    int fd = folder_open(folder);
    struct stat st;

    if (fd < 0)
        return !folder->path || access(folder->path, F_OK);
    if (fstat(fd, &st)) {
        close(fd);
        return false;
    }
    empty(fd, &st, last);
    if (last)
        remove_last(folder, last);
    return !rmdir(folder->path); /* at worst removes another empty folder of this name */
}

bool folder_remove(const struct folder *folder)
{
    return folder_remove_last(folder, NULL);
}
