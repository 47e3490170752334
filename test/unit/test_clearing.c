/* test_clearing: in which order what an attempt has left goes, and who holds none of it. */
#include "keeper/jobdir.h"
#include "keeper/proc.h"
#include "keeper_rig.h"

enum { FOLDERS = 20000 }; /* their end takes longer than the job */

static char temporary[UNIT_PATH];

/* A TMPDIR in /dev/shm would be hidden by a private one: the machine's own is used. */
static void use_the_machines_shm(void)
{
    unit_folder(temporary, "/dev/shm");
    setenv("TMPDIR", temporary, 1);
    slice->private_shm = PRIVATE_SHM_AUTO;
}

static void let_go(void)
{
    char *path = mem_printf("%s/go", folder);
    struct err err = {0};

    ck_assert_int_eq(file_write(path, "", 0, &err), 0);
    free(path);
}

static void fill(int job_dir, int folders)
{
    char name[16];

    for (int i = 0; i < folders; i++) {
        snprintf(name, sizeof(name), "%d", i);
        ck_assert_int_eq(mkdirat(job_dir, name, 0700), 0);
    }
}

/* How many descriptors of the keeper lead to a job's folder. */
static int held_by_keeper(void)
{
    char *path = mem_printf("/proc/%d/fd", (int)keeper.pid), target[PATH_MAX];
    DIR *listing = opendir(path);
    struct dirent *entry;
    int n = 0;

    ck_assert_ptr_nonnull(listing);
    while ((entry = readdir(listing))) {
        ssize_t len = readlinkat(dirfd(listing), entry->d_name, target, sizeof(target) - 1);

        target[len > 0 ? len : 0] = '\0';
        n += strstr(target, "dgl-mpilaunch-") != NULL;
    }
    closedir(listing);
    free(path);
    return n;
}

/* A descriptor of it would keep a private /dev/shm, with all that DGL has put into it, until the
 * keeper closes it. */
START_TEST(a_keeper_holds_nothing_of_it)
{
    make_slice(1, 1, "server: serve", "trainer: connect", NULL);
    slice->private_shm = PRIVATE_SHM_AUTO;
    slice->python_hook = 1;
    go_until_trainers();
    ck_assert_int_gt(held_by_keeper(), 0);
    until(seen.reached[STAGE_ENDED]);
    send_two(MESSAGE_GO, STAGE_DRAIN, 0);
    until(seen.reached[STAGE_OVER]);
    ck_assert_int_eq(held_by_keeper(), 0);
    finish();
}
END_TEST

/* The folder says which segments are the job's: who is killed in the middle leaves it to the next
 * job. */
START_TEST(shared_memory_goes_before_its_note)
{
    char *clause = mem_printf("trainer: shm test_clearing.%d 1; touch up; forever", (int)getpid());
    char *segment = mem_printf("/dev/shm/test_clearing.%d", (int)getpid());

    make_slice(0, 1, clause, NULL);
    use_the_machines_shm();
    go_until_trainers();
    until(exists("up"));
    until(seen.job_dir.path);
    send_two(MESSAGE_STOP, 1, 0);
    while (access(seen.job_dir.path, F_OK) == 0)
        ;
    ck_assert_int_ne(access(segment, F_OK), 0);
    finish();
    free(segment);
    free(clause);
}
END_TEST

/* A trainer can put another folder in the place of the job's: nothing of that one is touched. */
START_TEST(what_stays_is_told)
{
    char *away;

    make_slice(0, 1, "trainer: touch up; wait go", NULL);
    use_the_machines_shm();
    go_until_trainers();
    until(exists("up") && seen.job_dir.path);
    away = mem_printf("%s.away", seen.job_dir.path);
    ck_assert_int_eq(rename(seen.job_dir.path, away), 0);
    ck_assert_int_eq(mkdir(seen.job_dir.path, 0700), 0);
    let_go();
    drain();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.warnings.n, 1);
    ck_assert_ptr_nonnull(strstr(seen.outcome.warnings.items[0].text, "could not be removed"));
    ck_assert_int_eq(rmdir(seen.job_dir.path), 0);
    free(away);
}
END_TEST

/* As Linux does it when memory is short. */
START_TEST(a_killed_one_is_told)
{
    struct procs below = {0};
    int fd;

    make_slice(0, 1, "trainer: print hi", NULL);
    use_the_machines_shm();
    go_until_trainers();
    until(seen.reached[STAGE_ENDED] && seen.job_dir.path);
    fd = folder_open(&seen.job_dir);
    fill(fd, FOLDERS);
    close(fd);
    do /* what dead jobs have left is removed by another process, which ends by itself */
        proc_below(keeper.pid, &below);
    while (below.n > 0);
    send_two(MESSAGE_GO, STAGE_DRAIN, 0);
    while (below.n == 0 || proc_signal(&below.items[0], SIGKILL) != 0)
        proc_below(keeper.pid, &below);
    procs_free(&below);
    finish();
    ck_assert_ptr_null(seen.failed);
    ck_assert_uint_eq(seen.outcome.unkilled.n, 0);
    ck_assert_uint_eq(seen.outcome.warnings.n, 1);
    ck_assert_ptr_nonnull(strstr(seen.outcome.warnings.items[0].text, "was killed by SIGKILL"));
}
END_TEST

static char *make_dead_job(int folders)
{
    struct jobdir dead;
    struct err err = {0};
    char *path;

    ck_assert_int_eq(jobdir_make(&dead, temporary, "dead", &err), 0);
    fill(dead.fd, folders);
    path = mem_strdup(dead.folder.path);
    jobdir_close(&dead);
    return path;
}

/* Also where this job's own shared memory is not looked after. */
START_TEST(what_an_earlier_job_has_left_goes)
{
    char *dead;

    make_slice(0, 1, "trainer: wait go", NULL);
    use_the_machines_shm();
    slice->private_shm = PRIVATE_SHM_OFF;
    dead = make_dead_job(1);
    go_until_trainers();
    until(access(dead, F_OK) != 0);
    let_go();
    drain();
    free(dead);
}
END_TEST

START_TEST(the_end_of_an_earlier_job_is_no_news)
{
    make_slice(0, 1, "trainer: print hi", NULL);
    use_the_machines_shm();
    free(make_dead_job(FOLDERS));
    go_until_trainers();
    drain();
    for (size_t i = 0; i < seen.outcome.warnings.n; i++)
        ck_assert_msg(!strstr(seen.outcome.warnings.items[i].text, "still ran"), "%s",
                      seen.outcome.warnings.items[i].text);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_keeper_holds_nothing_of_it,
                                  shared_memory_goes_before_its_note,
                                  what_stays_is_told,
                                  a_killed_one_is_told,
                                  what_an_earlier_job_has_left_goes,
                                  the_end_of_an_earlier_job_is_no_news};

    return rig_run("clearing", tests, sizeof(tests) / sizeof(tests[0]));
}
