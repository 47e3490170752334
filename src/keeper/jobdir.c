/* jobdir: where the machine's own folder of a job is, and the file in it that says whose it is.
 * Knows nothing of what else is put in it.
 */
#include "keeper/jobdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX  "dgl-mpilaunch-"
#define OWN     ".job"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

const char *jobdir_parent(void)
{
    const char *temporary = getenv("TMPDIR");

    return temporary && temporary[0] == '/' ? temporary : "/tmp";
}

/* This start of this machine; "" where it is not known. */
static void read_boot(char *text, size_t size)
{
    FILE *file = fopen(BOOT_ID, "re");

    if (!file || !fgets(text, (int)size, file))
        text[0] = '\0';
    if (file)
        fclose(file);
}

/* Locks the file before it writes to it. A folder without the file does as well; only nobody can
 * tell later that its job is dead. */
static int write_own(int fd, const char *job_id)
{
    int own = openat(fd, OWN, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    char boot[64];

    if (own < 0)
        return -1;
    read_boot(boot, sizeof(boot));
    if (flock(own, LOCK_EX | LOCK_NB) == 0 && dprintf(own, "%s\n%s", job_id, boot) > 0)
        return own;
    close(own);
    return -1;
}

int jobdir_make(struct jobdir *dir, const char *parent, const char *job_id, struct err *err)
{
    *dir = JOBDIR_NONE;
    dir->fd = folder_make(&dir->folder, parent ? parent : jobdir_parent(), PREFIX, err);
    if (dir->fd < 0)
        return -1;
    dir->lock = write_own(dir->fd, job_id);
    return 0;
}

void jobdir_let_go(struct jobdir *dir)
{
    if (dir->fd >= 0)
        close(dir->fd);
    if (dir->lock >= 0)
        close(dir->lock);
    dir->fd = dir->lock = -1;
}

void jobdir_close(struct jobdir *dir)
{
    jobdir_let_go(dir);
    folder_clear(&dir->folder);
}

bool jobdir_remove(const struct folder *folder)
{
    return folder_remove_last(folder, OWN);
}

bool jobdir_end(struct jobdir *dir)
{
    bool gone = jobdir_remove(&dir->folder);

    jobdir_close(dir);
    return gone;
}

bool jobdir_is_name(const char *name)
{
    const char *digits = name + strlen(PREFIX);

    return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && strlen(digits) == FOLDER_RANDOM &&
           strspn(digits, "0123456789abcdef") == FOLDER_RANDOM;
}

/* Was the file written since this start of the machine, by a job that has let go of it? A file
 * that is not written yet says nothing. */
static bool is_dead(int own)
{
    char text[256] = "", boot[64];
    ssize_t len = own < 0 ? -1 : read(own, text, sizeof(text) - 1);
    const char *line = len <= 0 ? NULL : strchr(text, '\n');

    read_boot(boot, sizeof(boot));
    return line && boot[0] != '\0' && strcmp(line + 1, boot) == 0 &&
           flock(own, LOCK_EX | LOCK_NB) == 0;
}

int jobdir_find_dead(struct jobdir *dir, int parent, const char *name, const char *path)
{
    *dir = JOBDIR_NONE;
    dir->fd = folder_find(&dir->folder, parent, name, path);
    dir->lock = dir->fd < 0 ? -1 : folder_open_file(dir->fd, OWN);
    if (is_dead(dir->lock))
        return 0;
    jobdir_close(dir);
    return -1;
}
