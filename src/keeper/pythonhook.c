/* pythonhook: puts the hook on disk and into an environment. What the hook does is Python's side
 * (sitecustomize.py).
 */
#include "keeper/pythonhook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define FOLDER "python" /* in the job's folder */

bool pythonhook_wanted(const struct slice *slice)
{
    if (!slice->python_hook)
        return false;
    for (int i = 0; i < slice->n_processes; i++) {
        if (slice->processes[i].role == ROLE_TRAINER)
            return true;
    }
    return false;
}

/* Relative to the open job folder: what its path leads to may be another's. */
static int write_in(int job_dir, struct err *err)
{
    int fd = -1, rc;

    if (folder_make_private(job_dir, FOLDER) == 0)
        fd = openat(job_dir, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, EXIT_MACHINE, "cannot make the folder '" FOLDER "': %s",
                       strerror(errno));
    rc = file_write_in(fd, "sitecustomize.py", 0600, pythonhook_text, strlen(pythonhook_text), err);
    close(fd);
    return rc;
}

char *pythonhook_write(const struct jobdir *job_dir, struct err *err)
{
    int rc;

    if (strchr(job_dir->folder.path, ':'))
        rc = err_set(err, EXIT_MACHINE, "PYTHONPATH cannot hold '%s', which has a ':'",
                     job_dir->folder.path);
    else
        rc = write_in(job_dir->fd, err);
    if (rc == 0)
        return mem_printf("%s/" FOLDER, job_dir->folder.path);
    err_wrap(err, "a Python exception that ends a trainer or sampler may not be noticed");
    return NULL;
}

/* Open for writing too, so that it never looks as if all writers had gone. */
int pythonhook_listen(const char *folder)
{
    char *path = mem_printf("%s/told", folder);
    int fd = -1;

    if (mkfifo(path, 0600) == 0)
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    free(path);
    return fd;
}

/* An empty PYTHONPATH is none; an empty entry would be the current directory. */
void pythonhook_enter(struct strv *env, const char *folder)
{
    const char *own = strv_env_get(env, "PYTHONPATH");
    char *user = !own || own[0] == '\0' ? NULL : mem_strdup(own);

    strv_env_setf(env, "PYTHONPATH=%s%s%s", folder, user ? ":" : "", user ? user : "");
    free(user);
}
