/* test_clearing: in which order what an attempt has left goes, and who holds none of it. */
#include "remove.h" /* before the rig, whose folder would shadow its own */

#include "keeper/jobdir.h"
#include "keeper_rig.h"

enum { FOLDERS = 20000 }; /* their end takes longer than the job */

static char *temporary;

/* A TMPDIR in /dev/shm would be hidden by a private one: the machine's own is used. */
static void use_the_machines_shm(void)
{
    temporary = mem_printf("/dev/shm/test_clearing.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(temporary));
    setenv("TMPDIR", temporary, 1);
    slice->private_shm = PRIVATE_SHM_AUTO;
}

/* How many descriptors of the keeper lead to a job's folder. */
static int held_by_keeper(void)
{
    char *path = mem_printf("/proc/%d/fd", (int)keeper.pid), target[PATH_MAX];
    DIR *listing = opendir(path);
    struct dirent *entry;
    int n = 0;

    ck_assert_ptr_nonnull(listing);
    while ((entry = readdir(listing)) != NULL) {
        ssize_t len = readlinkat(dirfd(listing), entry->d_name, target, sizeof target - 1);

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
    until(seen.job_dir.path != NULL);
    send_two(MESSAGE_STOP, 1, 0);
    while (access(seen.job_dir.path, F_OK) == 0)
        ;
    ck_assert_int_ne(access(segment, F_OK), 0);
    finish();
    unit_remove(temporary);
    free(temporary);
    free(segment);
    free(clause);
}
END_TEST

static void make_dead_job(void)
{
    struct jobdir dead;
    struct err err = {0};
    char name[16];

    ck_assert_int_eq(jobdir_make(&dead, temporary, "dead", &err), 0);
    for (int i = 0; i < FOLDERS; i++) {
        snprintf(name, sizeof name, "%d", i);
        ck_assert_int_eq(mkdirat(dead.fd, name, 0700), 0);
    }
    jobdir_close(&dead);
}

START_TEST(the_end_of_an_earlier_job_is_no_news)
{
    make_slice(0, 1, "trainer: print hi", NULL);
    use_the_machines_shm();
    make_dead_job();
    go_until_trainers();
    drain();
    for (size_t i = 0; i < seen.outcome.warnings.n; i++)
        ck_assert_msg(strstr(seen.outcome.warnings.items[i].text, "still ran") == NULL, "%s",
                      seen.outcome.warnings.items[i].text);
    unit_remove(temporary);
    free(temporary);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_keeper_holds_nothing_of_it, shared_memory_goes_before_its_note,
                                  the_end_of_an_earlier_job_is_no_news};

    return rig_run("clearing", tests, sizeof tests / sizeof tests[0]);
}
