/* file: whole files, read with a bound and written without halves. Knows no format. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/kernel.h"
#include "base/mem.h"

enum { SHOWN_MOST = 900 }; /* bytes of a path, so that the reason behind it fits an error too */

const char *file_shown(const char *path)
{
    size_t len = strlen(path);

    return len > SHOWN_MOST ? path + len - SHOWN_MOST : path;
}

static int too_large(const char *path, size_t max, struct err *err)
{
    return err_set(err, EXIT_USAGE, "'%s' has more than %zu bytes; is it the right file?",
                   file_shown(path), max);
}

static int cannot_read(const char *path, struct err *err)
{
    return err_set(err, EXIT_USAGE, "cannot read '%s': %s", file_shown(path), strerror(errno));
}

/* Appends all bytes up to the end; that is st->st_size of them if the file does not change. */
static int read_to_end(int fd, const struct stat *st, const char *path, size_t max, struct buf *out,
                       struct err *err)
{
    size_t start = out->len;

    buf_reserve(out, (size_t)st->st_size + 1); /* one more for the read that finds the end */
    for (;;) {
        size_t room = out->capacity - out->len;
        ssize_t n = read(fd, buf_reserve(out, room ? room : 65536), room ? room : 65536);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_read(path, err);
        if (n == 0)
            return 0;
        out->len += (size_t)n;
        if (out->len - start > max)
            return too_large(path, max, err);
    }
}

/* Compares sizes and times of modification; the kernel's clock for these ticks every few ms. */
static bool has_changed(int fd, const struct stat *before)
{
    struct stat st;

    return fstat(fd, &st) < 0 || st.st_size != before->st_size ||
           st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
           st.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
}

int file_read_open(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return cannot_read(path, err);
    if (!S_ISREG(st.st_mode))
        return err_set(err, EXIT_USAGE, "'%s' is not a regular file", file_shown(path));
    if ((uint64_t)st.st_size > max)
        return too_large(path, max, err);
    if (read_to_end(fd, &st, path, max, out, err))
        return -1;
    if (has_changed(fd, &st))
        return err_set(err, EXIT_USAGE,
                       "'%s' changed while it was read; try again when it is complete",
                       file_shown(path));
    return 0;
}

/* Opens regular files only: opening a device may do something. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    struct stat st;
    int fd, rc;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, EXIT_USAGE, "'%s' is not a regular file", file_shown(path));
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return cannot_read(path, err);
    rc = file_read_open(fd, path, max, out, err);
    close(fd);
    return rc;
}

int file_write_all(int fd, const void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, (const char *)data + at, len - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

/* Creates the file under a random name and follows no link, so that nobody can have made it before.
 */
static int open_temporary(int folder, const char *path, unsigned mode, char **name)
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = (uint64_t)getpid();
    *name = mem_printf("%s.tmp.%016llx", path, (unsigned long long)random);
    return openat(folder, *name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

int file_write_in(int folder, const char *path, unsigned mode, const void *data, size_t len,
                  struct err *err)
{
    char *temporary;
    int rc = -1;
    int fd = open_temporary(folder, path, mode, &temporary);

    if (fd >= 0) {
        rc = file_write_all(fd, data, len);
        if (close(fd) < 0)
            rc = -1;
        if (!rc)
            rc = renameat(folder, temporary, folder, path);
    }
    if (rc) {
        err_set(err, EXIT_LAUNCHER, "cannot write '%s': %s", path, strerror(errno));
        if (fd >= 0)
            unlinkat(folder, temporary, 0);
    }
    free(temporary);
    return rc;
}

int file_write(const char *path, const void *data, size_t len, struct err *err)
{
    return file_write_in(AT_FDCWD, path, 0666, data, len, err);
}

int file_make_folders(const char *path, unsigned mode, struct err *err)
{
    char *copy = mem_strdup(path);
    struct stat st;
    int rc = 0;

    for (char *p = copy + 1; !rc; p++) {
        char kept = *p;

        if (kept != '/' && kept != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            rc = err_set(err, EXIT_MACHINE, "cannot make the folder '%s': %s", copy,
                         strerror(errno));
        *p = kept;
        if (!kept)
            break;
    }
    free(copy);
    if (!rc && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
        rc = err_set(err, EXIT_MACHINE, "'%s' is not a folder", path);
    return rc;
}

/* Opens path itself first and looks what it is then, so that nobody can swap it in between. */
int file_open_folder(const char *path)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st = {0};

    if (fd < 0)
        return -1;
    if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
        return fd;
    close(fd);
    if (S_ISLNK(st.st_mode) && st.st_uid == geteuid())
        return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
    return -1;
}

char *file_join(const char *base, const char *path)
{
    if (path[0] == '/')
        return mem_strdup(path);
    return mem_printf("%s/%s", base, path);
}

/* Bytes that the reader has not taken yet; 0 also where there is no telling. */
static int not_taken(int fd)
{
    struct stat st;
    int left = 0;

    if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        return 0;
    return ioctl(fd, S_ISFIFO(st.st_mode) ? FIONREAD : SIOCOUTQ, &left) ? 0 : left;
}

bool file_is_taken(int fd)
{
    return not_taken(fd) <= 0;
}

void file_await_reader(int fd, int timeout_ms)
{
    int64_t end = clock_ms() + timeout_ms;

    while (!file_is_taken(fd) && clock_ms() < end)
        poll(NULL, 0, 1); /* no event says that a pipe is empty */
}

void file_open_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Before Linux 5.9, which brought close_range, closes the possible ones one by one. */
void file_close_from(unsigned first)
{
    if (!kernel_close_from(first))
        return;
    for (unsigned fd = first; fd < FILE_LIMIT; fd++)
        close((int)fd);
}

unsigned long file_raise_limit(void)
{
    struct rlimit limit, raised;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return FILE_LIMIT; /* the limit is not known: assume that it is enough */
    raised = limit;
    raised.rlim_cur = limit.rlim_max < FILE_LIMIT ? limit.rlim_max : FILE_LIMIT;
    if (limit.rlim_cur >= raised.rlim_cur || setrlimit(RLIMIT_NOFILE, &raised))
        return limit.rlim_cur;
    return raised.rlim_cur;
}
