/* logfile: a rotation cuts at the end of a line, unless a line does not end for long. */
#include "keeper/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { LINE_MOST = 1 << 20 }; /* a longer one is cut by a rotation */

/* Nothing of the host's name but letters, digits, dots, '-' and '_'; no leading dot. */
char *logfile_path(const char *log_dir, const char *host, const char *name)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    char *path = mem_printf("%s/%s.%s.log", log_dir, *host == '\0' ? "_" : host, name);
    char *start = path + strlen(log_dir) + 1, *end = start + strlen(host);

    for (char *c = start; c < end; c++) {
        if (!strchr(fit, *c) || (c == start && *c == '.'))
            *c = '_';
    }
    return path;
}

/* The folder of the path, opened, and the name in it; -1 with errno. */
static int open_folder(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char *above = slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
    int folder = file_open_folder(above), error = errno;

    *name = slash ? slash + 1 : path;
    free(above);
    errno = error;
    return folder;
}

static int open_in(int folder, const char *name)
{
    return openat(folder, name,
                  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
                  0666);
}

int logfile_open(struct logfile *file, const char *path, int64_t limit)
{
    const char *name;
    int folder = open_folder(path, &name), error;
    struct stat st;

    *file = (struct logfile){.path = mem_strdup(path), .fd = -1, .limit = limit};
    if (folder < 0)
        return -1;
    file->fd = open_in(folder, name);
    error = errno;
    close(folder);
    errno = error;
    if (file->fd >= 0 && limit > 0 && fstat(file->fd, &st) == 0)
        file->size = st.st_size;
    return file->fd < 0 ? -1 : 0;
}

static int write_all(struct logfile *file, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(file->fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            return -1;
        file->size += n;
        file->mid_line = data[n - 1] != '\n';
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int rotate(struct logfile *file)
{
    const char *name;
    int folder = open_folder(file->path, &name), fd = -1, error;
    char *old;

    if (folder < 0)
        return -1;
    old = mem_printf("%s.1", name);
    if (renameat(folder, name, folder, old) == 0)
        fd = open_in(folder, name);
    error = errno;
    close(folder);
    free(old);
    errno = error;
    if (fd < 0)
        return -1;
    close(file->fd);
    file->fd = fd;
    file->size = 0;
    file->mid_line = false;
    return 0;
}

/* How much of data still goes into the file before it is rotated: whole lines, and the rest of one
 * that has begun. */
static size_t before_rotation(const struct logfile *file, const char *data, size_t len)
{
    int64_t room = file->limit - file->size;
    const char *end = NULL;

    if (file->limit == 0 || (int64_t)len <= room)
        return len;
    if (room > 0)
        end = memrchr(data, '\n', (size_t)room);
    if (!end && file->size > 0 && !file->mid_line)
        return 0;
    if (!end)
        end = memchr(data, '\n', len);
    if (!end)
        return file->size > file->limit + LINE_MOST ? 0 : len;
    return (size_t)(end - data) + 1;
}

int logfile_write(struct logfile *file, const char *data, size_t len)
{
    while (len > 0) {
        size_t n = before_rotation(file, data, len);

        if (n == 0 && rotate(file) != 0)
            return -1;
        if (write_all(file, data, n) != 0)
            return -1;
        data += n;
        len -= n;
    }
    return 0;
}

void logfile_close(struct logfile *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    free(file->path);
    file->path = NULL;
}
