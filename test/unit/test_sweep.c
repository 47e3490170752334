/* test_sweep: which job's folder is a dead one's. */
#include "keeper/sweep.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/jobdir.h"
#include "unit.h"

static char parent[UNIT_PATH];

static struct jobdir begin(void)
{
    struct jobdir dir;
    struct err err = {0};

    unit_folder(parent, "/dev/shm");
    ck_assert_msg(jobdir_make(&dir, parent, "id", &err) == 0, "%s", err.text);
    return dir;
}

static char *own_file(const struct jobdir *dir)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/.job", dir->folder.path);
    return path;
}

/* Sweeps, and says whether the folder is there still. */
static bool stays(const char *path)
{
    sweep_dead(parent);
    return access(path, F_OK) == 0;
}

START_TEST(a_job_that_lives)
{
    struct jobdir dir = begin();

    ck_assert(stays(dir.folder.path));
    ck_assert(stays(own_file(&dir)));
    jobdir_end(&dir);
}
END_TEST

START_TEST(a_job_that_is_dead)
{
    struct jobdir dir = begin();
    char *path = strdup(dir.folder.path);

    jobdir_close(&dir); /* as its keeper's end does */
    ck_assert(!stays(path));
    ck_assert_int_eq(access(parent, F_OK), 0);
    free(path);
}
END_TEST

/* Another machine's, on a file system that both use; one that is being born; no job's. */
START_TEST(what_is_not_proved_to_be_dead)
{
    struct jobdir dir = begin();
    char *path = strdup(dir.folder.path), *own = own_file(&dir), other[128];
    int fd;

    jobdir_close(&dir);
    ck_assert_int_eq(truncate(own, 4), 0);
    ck_assert(stays(path));
    ck_assert_int_eq(truncate(own, 0), 0);
    ck_assert(stays(path));
    fd = open(own, O_WRONLY | O_CLOEXEC);
    ck_assert_int_gt(dprintf(fd, "id\n00000000-0000-0000-0000-000000000000\n"), 0);
    close(fd);
    ck_assert(stays(path));
    snprintf(other, sizeof(other), "%s/dgl-mpilaunch-another", parent);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert(stays(other));
    free(path);
}
END_TEST

START_TEST(what_others_may_write_to)
{
    struct jobdir dir = begin();
    char *path = strdup(dir.folder.path), *own = own_file(&dir);

    jobdir_close(&dir);
    ck_assert_int_eq(chmod(own, 0620), 0);
    ck_assert(stays(path));
    ck_assert_int_eq(chmod(own, 0600), 0);
    ck_assert_int_eq(chmod(path, 0720), 0);
    ck_assert(stays(path));
    ck_assert_int_eq(chmod(path, 0700), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, 65534, 65534), 0);
        ck_assert(stays(path));
        ck_assert_int_eq(chown(path, 0, 0), 0);
    }
    ck_assert(!stays(path));
    free(path);
}
END_TEST

/* A sweep, or a keeper at its end, may be killed in the middle. */
START_TEST(what_is_left_half_removed)
{
    struct jobdir dir;
    char *path, *point, *file;
    bool alone =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;

    if (geteuid() == 0 && !alone) {
        printf("left out: no mount namespace is to be had\n");
        return;
    }
    dir = begin();
    path = strdup(dir.folder.path);
    point = mem_printf("%s/stubborn", path);
    file = mem_printf("%s/file", point);
    ck_assert_int_eq(mkdir(point, 0700), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(mount("none", point, "tmpfs", 0, NULL), 0);
    else
        ck_assert_int_eq(mkdir(file, 0700) == 0 && chmod(point, 0500) == 0, 1);
    jobdir_close(&dir);
    ck_assert(stays(path));
    if (geteuid() == 0)
        ck_assert_int_eq(umount(point), 0);
    else
        ck_assert_int_eq(chmod(point, 0700), 0);
    ck_assert(!stays(path));
    free(path);
    free(point);
    free(file);
}
END_TEST

UNIT_MAIN("sweep", a_job_that_lives, a_job_that_is_dead, what_is_not_proved_to_be_dead,
          what_others_may_write_to, what_is_left_half_removed)
