/* test_shm: sizes, what a private /dev/shm would hide, and the namespace itself: where this user
 * may have one, in the test's own process.
 */
#include "keeper/shm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/jobdir.h"
#include "unit.h"

static struct slice *slice_of(int private_shm)
{
    struct slice *slice = mem_calloc(1, sizeof(*slice));

    slice->job_id = mem_strdup("20261124T104937Z-4194304-ab12");
    slice->machine = 4095;
    slice->workspace = mem_strdup("/tmp");
    slice->ip_config = mem_strdup("ip_config.txt");
    slice->command = mem_strdup("exit 0");
    slice->private_shm = private_shm;
    slice->shm_size = 64 << 20;
    return slice;
}

START_TEST(test_size)
{
    ck_assert_int_eq(shm_size(0, INT64_C(16) << 30), INT64_C(8) << 30);
    ck_assert_int_eq(shm_size(INT64_C(500) << 20, INT64_C(16) << 30), INT64_C(500) << 20);
}
END_TEST

/* A Unix socket's path has 108 bytes: half of them are for whoever uses the folder. */
START_TEST(test_short_path)
{
    struct jobdir made;
    struct err err = {0};

    ck_assert_msg(jobdir_make(&made, "/dev/shm", "id", &err) == 0, "%s", err.text);
    ck_assert_int_eq(strncmp(made.folder.path, "/dev/shm/dgl-mpilaunch-", 23), 0);
    ck_assert_uint_lt(strlen(made.folder.path), 64);
    jobdir_end(&made);
    ck_assert_int_eq(made.fd, -1);
}
END_TEST

START_TEST(test_what_would_be_hidden)
{
    char folder[UNIT_PATH], path[UNIT_PATH + 8];
    struct slice *slice = slice_of(PRIVATE_SHM_AUTO);

    unsetenv("TMPDIR");
    unit_folder(folder, "/tmp");
    ck_assert_ptr_null(shm_hides(slice, folder));
    free(slice->workspace);
    slice->workspace = mem_strdup(folder);
    ck_assert_str_eq(shm_hides(slice, "/tmp"), "the workspace");
    ck_assert_ptr_null(shm_hides(slice, folder)); /* not below itself */
    snprintf(path, sizeof(path), "%s/logs", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    slice->log_dir = mem_strdup(path);
    free(slice->workspace);
    slice->workspace = mem_strdup("/tmp");
    ck_assert_str_eq(shm_hides(slice, folder), "the folder of the logs");
    setenv("TMPDIR", path, 1);
    free(slice->log_dir);
    slice->log_dir = NULL;
    ck_assert_ptr_null(shm_hides(slice, path));
    ck_assert_str_eq(shm_hides(slice, folder), "TMPDIR");
    ck_assert_ptr_null(shm_hides(slice, "/tmp/test_shm")); /* a prefix of the name is no folder */
    slice_free(slice);
}
END_TEST

static bool holds(const char *name)
{
    return access(name, F_OK) == 0;
}

/* Three attempts, each with an empty one; what was there before is there again at the end. */
static void three_attempts(struct slice *slice)
{
    char before[UNIT_PATH];
    struct shm shm = {0};
    struct statvfs st;
    struct err why;

    unit_folder(before, "/dev/shm");
    for (int attempt = 0; attempt < 3; attempt++) {
        ck_assert_msg(shm_begin(&shm, slice, &why) == 0, "%s", why.text);
        ck_assert_str_eq(why.text, "");
        ck_assert_str_eq(shm_folder(&shm), "/dev/shm");
        ck_assert_int_eq(shm_fd(&shm), -1);
        ck_assert(!holds(before) && !holds("/dev/shm/test_shm.left"));
        ck_assert_int_eq(statvfs("/dev/shm", &st), 0);
        ck_assert_int_eq((long)(st.f_blocks * st.f_frsize), 64 << 20);
        ck_assert_uint_eq(st.f_flag & (ST_NOSUID | ST_NODEV), ST_NOSUID | ST_NODEV);
        close(open("/dev/shm/test_shm.left", O_WRONLY | O_CREAT, 0600));
        ck_assert(holds("/dev/shm/test_shm.left"));
        shm_remove(&shm);
        shm_forget(&shm);
        ck_assert_ptr_null(shm_folder(&shm));
    }
    ck_assert(holds(before) && !holds("/dev/shm/test_shm.left"));
}

/* Each test runs in a process of its own (CK_FORK). A container may allow neither. */
START_TEST(test_private)
{
    struct slice *slice = slice_of(PRIVATE_SHM_ON);
    struct shm shm = {0};
    struct err why;

    if (shm_begin(&shm, slice, &why) == 0) {
        shm_remove(&shm);
        shm_forget(&shm);
        three_attempts(slice);
    } else {
        ck_assert_int_eq(why.code, EXIT_MACHINE);
        ck_assert_ptr_nonnull(strstr(why.text, "--private_shm auto"));
    }
    slice_free(slice);
}
END_TEST

START_TEST(test_off)
{
    struct slice *slice = slice_of(PRIVATE_SHM_OFF);
    struct shm shm = {0};
    struct err why;

    ck_assert_int_eq(shm_begin(&shm, slice, &why), 0);
    ck_assert_ptr_null(shm_folder(&shm));
    ck_assert_ptr_null(shm.segments);
    shm_remove(&shm);
    shm_forget(&shm);
    slice_free(slice);
}
END_TEST

/* What lies in the machine's /dev/shm is used by the job: noted then, and refused for 'on'. */
START_TEST(test_a_workspace_in_it)
{
    struct slice *slice = slice_of(PRIVATE_SHM_AUTO);
    char folder[UNIT_PATH];
    struct shm shm = {0};
    struct err why;

    unit_folder(folder, "/dev/shm");
    free(slice->workspace);
    slice->workspace = mem_strdup(folder);
    ck_assert_int_eq(shm_begin(&shm, slice, &why), 0);
    ck_assert_str_eq(why.text, "");
    ck_assert_ptr_null(shm_folder(&shm));
    ck_assert_ptr_nonnull(shm.segments);
    shm_remove(&shm);
    shm_forget(&shm);
    slice->private_shm = PRIVATE_SHM_ON;
    ck_assert_int_eq(shm_begin(&shm, slice, &why), -1);
    ck_assert_ptr_nonnull(strstr(why.text, "it would hide the workspace"));
    ck_assert_int_eq(why.code, EXIT_MACHINE);
    slice_free(slice);
}
END_TEST

UNIT_MAIN("shm", test_size, test_short_path, test_what_would_be_hidden, test_private, test_off,
          test_a_workspace_in_it)
