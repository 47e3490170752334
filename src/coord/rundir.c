/* rundir: makes folders with a mode, and looks at links on the way. */
#include "coord/rundir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { PRIVATE = 0700, BY_UMASK = 0777 };

/* A stranger's link could lead our files into any folder of this user's. */
static int refuse_link(const char *path, struct err *err)
{
    struct stat st;

    if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode) || st.st_uid == geteuid())
        return 0;
    return err_set(err, EXIT_MACHINE, "'%s' is a link that user %u has made", path,
                   (unsigned)st.st_uid);
}

/* Cuts slashes at the end. The caller frees. */
static char *without_slash(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    return mem_strndup(path, len);
}

/* "/a" of "/a/b". The caller frees. */
static char *above(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash > path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("/");
}

static int make(const char *path, unsigned mode, struct err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return err_set(err, EXIT_MACHINE, "cannot make the folder '%s': %s", path, strerror(errno));
    if (refuse_link(path, err))
        return -1;
    return file_make_folders(path, mode, err); /* is it one? */
}

int rundir_make(const char *path, struct err *err)
{
    char *folder = without_slash(path), *parent = above(folder);
    int rc = file_make_folders(parent, BY_UMASK, err);

    if (rc)
        err_wrap(err, "cannot make the folder '%s'", folder);
    else
        rc = make(folder, PRIVATE, err);
    free(folder);
    free(parent);
    return rc;
}

int rundir_make_logs(const char *logs, struct err *err)
{
    char *run = above(logs);
    int rc = rundir_make(run, err);

    if (!rc)
        rc = make(logs, BY_UMASK, err);
    free(run);
    return rc;
}
