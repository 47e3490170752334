/* test_folder: a private folder's name, its path when that leads elsewhere, and its removal while
 * somebody swaps what is in it for a symbolic link.
 */
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit.h"

enum { FILES = 5000, NOBODY = 65534 };

static char parent[UNIT_PATH];
static struct folder folder;

static void put(int in, const char *name)
{
    int fd = openat(in, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

/* Returns the new folder's descriptor. */
static int begin(void)
{
    struct err err = {0};
    int fd;

    unit_folder(parent, "/dev/shm");
    fd = folder_make(&folder, parent, "x-", &err);
    ck_assert_msg(fd >= 0, "%s", err.text);
    return fd;
}

static void end(void)
{
    unit_remove(parent);
    folder_clear(&folder);
}

START_TEST(a_name_that_nobody_knows_before)
{
    int fd = begin(), other;
    struct folder second;
    struct stat st;
    struct err err = {0};

    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    ck_assert_uint_eq(strlen(folder.path), strlen(parent) + strlen("/x-") + FOLDER_RANDOM);
    other = folder_make(&second, parent, "x-", &err);
    ck_assert_str_ne(folder.path, second.path);
    ck_assert(folder_remove(&second) && folder_remove(&folder));
    ck_assert(folder_remove(&folder)); /* it has gone already */
    folder_clear(&second);
    close(fd);
    close(other);
    end();
}
END_TEST

START_TEST(not_where_all_may_replace_it)
{
    struct folder made;
    struct err err = {0};

    close(begin());
    ck_assert_int_eq(chmod(parent, 0777), 0);
    ck_assert_int_eq(folder_make(&made, parent, "x-", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "not sticky"));
    ck_assert_int_eq(err.code, EXIT_MACHINE);
    ck_assert_int_eq(folder_make(&made, "/nonexistent", "x-", &err), -1);
    ck_assert_int_eq(chmod(parent, 0700), 0);
    end();
}
END_TEST

/* Returns whether the folder, or what now stands in its place, was left alone. */
static bool is_refused(void)
{
    bool removed = folder_remove(&folder);

    return !removed && access(folder.path, F_OK) == 0;
}

START_TEST(another_one_at_its_path)
{
    char *moved;

    close(begin());
    moved = mem_printf("%s/moved", parent);
    ck_assert_int_eq(rename(folder.path, moved), 0);
    ck_assert_int_eq(mkdir(folder.path, 0700), 0);
    ck_assert(is_refused());
    ck_assert_int_eq(rmdir(folder.path), 0);
    ck_assert_int_eq(symlink(moved, folder.path), 0); /* even to itself */
    ck_assert(is_refused());
    ck_assert_int_eq(unlink(folder.path), 0);
    ck_assert_int_eq(rename(moved, folder.path), 0);
    ck_assert_int_eq(chmod(folder.path, 0770), 0);
    ck_assert(is_refused());
    ck_assert_int_eq(chmod(folder.path, 0700), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(folder.path, NOBODY, NOBODY), 0);
        ck_assert(is_refused());
        ck_assert_int_eq(chown(folder.path, 0, 0), 0);
    }
    ck_assert(folder_remove(&folder));
    free(moved);
    end();
}
END_TEST

START_TEST(deep_and_odd_contents)
{
    int fd = begin(), at = dup(fd), below;

    ck_assert_int_eq(symlinkat("/", at, "root"), 0);
    ck_assert_int_eq(mkfifoat(at, "fifo", 0600), 0);
    for (int i = 0; i < 1100; i++) { /* deeper than there are descriptors, longer than PATH_MAX */
        put(at, "a file\n");
        ck_assert_int_eq(mkdirat(at, "empty", 0700), 0);
        ck_assert_int_eq(mkdirat(at, "folder", 0700), 0);
        below = openat(at, "folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = below;
    }
    close(at);
    close(fd);
    ck_assert(folder_remove(&folder));
    ck_assert_int_eq(access("/etc/passwd", F_OK), 0);
    end();
}
END_TEST

/* A bind mount of the same file system has the same device. */
START_TEST(a_mount_in_it)
{
    char *kept, *point;

    close(begin());
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0) {
        ck_assert(folder_remove(&folder));
        end();
        return;
    }
    kept = mem_printf("%s/kept", parent);
    point = mem_printf("%s/point", folder.path);
    ck_assert_int_eq(mkdir(kept, 0700), 0);
    ck_assert_int_eq(mkdir(point, 0700), 0);
    ck_assert_int_eq(mount(kept, point, "none", MS_BIND, NULL), 0);
    free(kept);
    kept = mem_printf("%s/kept/canary", parent);
    put(AT_FDCWD, kept);
    ck_assert(!folder_remove(&folder));
    ck_assert_int_eq(access(kept, F_OK), 0);
    ck_assert_int_eq(umount(point), 0);
    ck_assert(folder_remove(&folder));
    free(kept);
    free(point);
    end();
}
END_TEST

/* Becomes another user if it may. Swaps a folder that is being emptied for a link to the canary,
 * and back, until it is killed. */
static pid_t attack(int in, const char *canary)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(1);
    if (symlinkat(canary, in, "link") != 0)
        _exit(1);
    for (;;)
        syscall(SYS_renameat2, in, "link", in, "swapped", RENAME_EXCHANGE);
}

static int fill(int in, const char *name)
{
    char file[32];
    int fd;

    ck_assert_int_eq(mkdirat(in, name, 0777), 0);
    fd = openat(in, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "file%d", i);
        put(fd, file);
    }
    if (geteuid() == 0)
        ck_assert_int_eq(fchown(fd, NOBODY, NOBODY), 0);
    return fd;
}

static int count(int fd)
{
    char file[32];
    int n = 0;

    for (int i = 0; i < FILES; i++) {
        snprintf(file, sizeof(file), "file%d", i);
        n += faccessat(fd, file, F_OK, 0) == 0;
    }
    return n;
}

START_TEST(a_swap_during_the_walk)
{
    int fd = begin(), theirs, top = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC), canary;
    char *path = mem_printf("%s/canary", parent);
    pid_t attacker;

    canary = fill(top, "canary");
    ck_assert_int_eq(mkdirat(fd, "theirs", 0777), 0);
    theirs = openat(fd, "theirs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(fchmod(theirs, 0777), 0);
    close(fill(theirs, "swapped"));
    attacker = attack(theirs, path);
    while (faccessat(theirs, "link", F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        sched_yield();
    folder_remove(&folder);
    ck_assert_int_eq(count(canary), FILES);
    kill(attacker, SIGKILL);
    waitpid(attacker, NULL, 0);
    ck_assert(folder_remove(&folder)); /* what the swaps left */
    close(canary);
    close(theirs);
    close(fd);
    close(top);
    free(path);
    end();
}
END_TEST

UNIT_MAIN("folder", a_name_that_nobody_knows_before, not_where_all_may_replace_it,
          another_one_at_its_path, deep_and_odd_contents, a_mount_in_it, a_swap_during_the_walk)
