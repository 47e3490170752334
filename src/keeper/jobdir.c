/* jobdir: where the machine's own folder of a job is, and the file in it that says whose it is.
 * Knows nothing of what else is put in it.
 */
#include "keeper/jobdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX  "dgl-mpilaunch-"
#define OWN     ".job"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const char *parent_of_jobs(void)
{
    const char *temporary = getenv("TMPDIR");

    return temporary != NULL && temporary[0] == '/' ? temporary : "/tmp";
}

/* This start of this machine; "" where it is not known. */
static void read_boot(char *text, size_t size)
{
    FILE *file = fopen(BOOT_ID, "re");

    if (file == NULL || fgets(text, (int)size, file) == NULL)
        text[0] = '\0';
    if (file != NULL)
        fclose(file);
}

/* Without it the folder does as well; only nobody can tell later that its job is dead. */
static int write_own(int fd, const char *job_id)
{
    int own = openat(fd, OWN, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    char boot[64];

    if (own < 0)
        return -1;
    read_boot(boot, sizeof boot);
    if (flock(own, LOCK_EX | LOCK_NB) == 0 && dprintf(own, "%s\n%s", job_id, boot) > 0)
        return own;
    close(own);
    return -1;
}

int jobdir_make(struct jobdir *dir, const char *parent, const char *job_id, struct err *err)
{
    *dir = JOBDIR_NONE;
    dir->fd = folder_make(&dir->folder, parent == NULL ? parent_of_jobs() : parent, PREFIX, err);
    if (dir->fd < 0)
        return -1;
    dir->lock = write_own(dir->fd, job_id);
    return 0;
}

void jobdir_close(struct jobdir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    if (dir->lock >= 0)
        close(dir->lock);
    folder_clear(&dir->folder);
    *dir = JOBDIR_NONE;
}

void jobdir_end(struct jobdir *dir)
{
    folder_remove(&dir->folder);
    jobdir_close(dir);
}
