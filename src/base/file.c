/* file: whole files, read with a bound and written without halves. Knows no format. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int read_open_file(int fd, const char *path, size_t max, struct buf *out, struct err *err)
{
    size_t start = out->len;

    for (;;) {
        ssize_t n = read(fd, buf_reserve(out, 65536), 65536);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, EXIT_USAGE, "cannot read '%s': %s", path, strerror(errno));
        if (n == 0)
            return 0;
        out->len += (size_t)n;
        if (out->len - start > max)
            return err_set(err, EXIT_USAGE, "'%s' has more than %zu bytes; is it the right file?",
                           path, max);
    }
}

int file_read(const char *path, size_t max, struct buf *out, struct err *err)
{
    struct stat st;
    int fd, rc;

    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(err, EXIT_USAGE, "cannot read '%s': %s", path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        rc = err_set(err, EXIT_USAGE, "'%s' is not a regular file", path);
    else if ((uint64_t)st.st_size > max)
        rc = err_set(err, EXIT_USAGE, "'%s' has more than %zu bytes; is it the right file?", path,
                     max);
    else
        rc = read_open_file(fd, path, max, out, err);
    close(fd);
    return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int file_write(const char *path, const void *data, size_t len, struct err *err)
{
    char *temporary = mem_printf("%s.tmp.%d", path, (int)getpid());
    int rc = -1;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd >= 0) {
        rc = write_all(fd, data, len);
        if (close(fd) < 0)
            rc = -1;
        if (!rc)
            rc = rename(temporary, path);
    }
    if (rc) {
        err_set(err, EXIT_LAUNCHER, "cannot write '%s': %s", path, strerror(errno));
        if (fd >= 0)
            unlink(temporary);
    }
    free(temporary);
    return rc;
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

char *file_join(const char *base, const char *path)
{
    if (path[0] == '/')
        return mem_strdup(path);
    return mem_printf("%s/%s", base, path);
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
