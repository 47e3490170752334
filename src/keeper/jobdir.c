/* jobdir: the machine's own folder of a job. Knows nothing of what is put in it. */
#include "keeper/jobdir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

enum { OPEN_FOLDERS = 16 };

char *jobdir_path_in(const char *folder, const struct slice *slice)
{
    return mem_printf("%s/dgl-mpilaunch-%s-%d", folder, slice->job_id, slice->machine);
}

char *jobdir_path(const struct slice *slice)
{
    const char *temporary = getenv("TMPDIR");

    return jobdir_path_in(temporary != NULL && temporary[0] == '/' ? temporary : "/tmp", slice);
}

int jobdir_make(const char *path, struct err *err)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    return err_set(err, EXIT_MACHINE,
                   "cannot make the job's folder '%s': %s; TMPDIR names another place for it", path,
                   strerror(errno));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    remove(path);
    return 0;
}

void jobdir_remove(const char *path)
{
    nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}
