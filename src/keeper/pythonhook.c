/* pythonhook: puts the hook on disk and into an environment. What the hook does is Python's side
 * (sitecustomize.py).
 */
#include "keeper/pythonhook.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

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

char *pythonhook_write(const char *job_dir, struct err *err)
{
    char *folder = mem_printf("%s/python", job_dir);
    char *path = mem_printf("%s/sitecustomize.py", folder);
    int rc;

    if (strchr(folder, ':') != NULL)
        rc = err_set(err, EXIT_MACHINE, "PYTHONPATH cannot hold '%s', which has a ':'", folder);
    else
        rc = file_make_folders(folder, 0700, err);
    if (rc == 0)
        rc = file_write(path, pythonhook_text, strlen(pythonhook_text), err);
    if (rc != 0) {
        err_wrap(err, "a Python exception that ends a trainer or sampler may not be noticed");
        free(folder);
        folder = NULL;
    }
    free(path);
    return folder;
}

/* An empty PYTHONPATH is none; an empty entry would be the current directory. */
void pythonhook_enter(struct strv *env, const char *folder)
{
    const char *own = strv_env_get(env, "PYTHONPATH");
    char *user = own == NULL || own[0] == '\0' ? NULL : mem_strdup(own);

    strv_env_setf(env, "PYTHONPATH=%s%s%s", folder, user == NULL ? "" : ":",
                  user == NULL ? "" : user);
    free(user);
}
