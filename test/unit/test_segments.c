/* test_segments: what is noted and removed in a folder of the test's own, and what never is. */
#include "keeper/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "unit.h"

static char folder[UNIT_PATH];
static pid_t stranger; /* no descendant of this process */

static void begin(void)
{
    unit_folder(folder, "/dev/shm");
    ck_assert_int_eq(chdir(folder), 0);
}

static void make(const char *name)
{
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, 4096), 0);
    close(fd);
}

static bool there(const char *name)
{
    return access(name, F_OK) == 0;
}

enum hold { HOLD_MAP, HOLD_FD };

static void hold(const char *name, enum hold how)
{
    int fd = open(name, O_RDWR | O_CREAT, 0600);

    if (fd < 0 || ftruncate(fd, 4096) != 0)
        _exit(1);
    if (how == HOLD_MAP &&
        (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED || close(fd) != 0))
        _exit(1);
}

/* A process that makes and holds the segment; far: not below this one. */
static pid_t holder(const char *name, enum hold how, bool far)
{
    int ready[2];
    pid_t pid, told = 0;

    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        if (far && fork() != 0)
            _exit(0);
        hold(name, how);
        told = getpid();
        if (write(ready[1], &told, sizeof(told)) < 0)
            _exit(1);
        alarm(60);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &told, sizeof(told)), (int)sizeof(told));
    if (far)
        waitpid(pid, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    return told;
}

static void end_holder(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Not our child: wait until it cannot hold anything. */
static void end_stranger(void)
{
    kill(stranger, SIGKILL);
    for (int i = 0; i < 1000 && kill(stranger, 0) == 0; i++)
        poll(NULL, 0, 5);
}

START_TEST(test_removes_what_was_held)
{
    static const char *const strange[] = {"a b",      "new\nline", "x (deleted)",
                                          "\xff\x01", "--",        "%n"};
    pid_t pids[8];
    struct segments *s;

    make("before");
    s = segments_open(folder);
    ck_assert_ptr_nonnull(s);
    pids[0] = holder("mapped", HOLD_MAP, false);
    pids[1] = holder("open", HOLD_FD, false);
    for (int i = 0; i < 6; i++)
        pids[2 + i] = holder(strange[i], i % 2 == 0 ? HOLD_MAP : HOLD_FD, false);
    make("nobodys");
    ck_assert(segments_look(s, clock_ms(), false));
    ck_assert(!segments_look(s, clock_ms(), false));
    for (int i = 0; i < 8; i++)
        end_holder(pids[i]);
    ck_assert_uint_eq(segments_remove(s), 8);
    ck_assert(!there("mapped") && !there("open") && !there("a b") && !there("new\nline"));
    ck_assert(there("before") && there("nobodys"));
    segments_close(s);
}
END_TEST

START_TEST(test_never_a_strangers)
{
    struct segments *s;
    pid_t pid, again;

    make("before");
    symlink("before", "link");
    s = segments_open(folder);
    pid = holder("before", HOLD_MAP, false);
    again = holder("shared", HOLD_MAP, false);
    stranger = holder("shared", HOLD_MAP, true);
    segments_look(s, clock_ms(), true);
    end_holder(pid);
    end_holder(again);
    ck_assert_uint_eq(segments_remove(s), 0);
    ck_assert(there("before") && there("shared") && there("link"));
    end_stranger();
    ck_assert_uint_eq(segments_remove(s), 1); /* but it is the job's when nobody holds it */
    ck_assert(!there("shared"));
    segments_close(s);
}
END_TEST

START_TEST(test_same_name_another_file)
{
    struct segments *s;
    pid_t pid;

    s = segments_open(folder);
    pid = holder("name", HOLD_MAP, false);
    ck_assert(segments_look(s, clock_ms(), false));
    unlink("name");
    make("name");
    end_holder(pid);
    ck_assert_uint_eq(segments_remove(s), 0);
    ck_assert(there("name"));
    segments_close(s);
}
END_TEST

START_TEST(test_of_another_user)
{
    struct segments *s;
    pid_t pid;

    if (geteuid() != 0)
        return;
    s = segments_open(folder);
    pid = holder("taken", HOLD_MAP, false);
    ck_assert(segments_look(s, clock_ms(), false));
    ck_assert_int_eq(chown("taken", 12345, 12345), 0);
    end_holder(pid);
    ck_assert_uint_eq(segments_remove(s), 0);
    ck_assert(there("taken"));
    segments_close(s);
}
END_TEST

/* As the keeper's loop does. */
static bool told_within(struct segments *s, int ms)
{
    int64_t until = clock_ms() + ms;

    while (clock_ms() < until) {
        struct pollfd entry = {.fd = segments_fd(s), .events = POLLIN};
        int64_t due = segments_deadline(s) < until ? segments_deadline(s) : until;

        poll(&entry, 1, clock_poll_timeout(clock_ms(), due));
        if (entry.revents != 0)
            segments_heard(s, clock_ms());
        if (clock_ms() >= segments_deadline(s) && segments_look(s, clock_ms(), false))
            return true;
    }
    return false;
}

START_TEST(test_is_told)
{
    struct segments *s;
    pid_t pid;

    s = segments_open(folder);
    ck_assert(!told_within(s, 50));
    pid = holder("a", HOLD_MAP, false);
    ck_assert(told_within(s, 5000));
    end_holder(pid);
    ck_assert(rename("a", "b") == 0); /* by whatever name it goes */
    ck_assert_uint_eq(segments_remove(s), 1);
    make("strangers"); /* two looks, and rest */
    for (int i = 0; i < 50 && (i < 2 || segments_deadline(s) != CLOCK_NEVER); i++)
        ck_assert(!told_within(s, 100));
    ck_assert_int_eq(segments_deadline(s), CLOCK_NEVER);
    segments_close(s);
}
END_TEST

/* As torch's loaders do, all the time. */
START_TEST(test_a_flood_costs_little)
{
    struct segments *s;
    int64_t until = clock_ms() + 2000;
    clock_t used;
    pid_t pid;
    int looks = 0;

    s = segments_open(folder);
    pid = fork();
    if (pid == 0) {
        alarm(60);
        for (int i = 0;; i++) {
            char name[32];

            snprintf(name, sizeof(name), "torch_%d", i % 1000);
            close(open(name, O_RDWR | O_CREAT, 0600));
            unlink(name);
        }
    }
    used = clock();
    while (clock_ms() < until)
        looks += told_within(s, 100);
    used = clock() - used;
    end_holder(pid);
    ck_assert_int_le(looks, 21);
    ck_assert_msg(used < CLOCKS_PER_SEC * 2 / 20, "%ld us of 2 s", (long)used);
    segments_close(s);
}
END_TEST

static size_t removed_by(int saved_in, const char *name)
{
    struct segments *s = segments_load(folder, saved_in, name);
    size_t n = segments_remove(s);

    segments_close(s);
    return n;
}

START_TEST(test_handed_over)
{
    struct segments *s, *loaded;
    pid_t pid, other;
    int saved;

    s = segments_open(folder);
    pid = holder("a", HOLD_MAP, false);
    other = holder("new\nline", HOLD_FD, false);
    make("nobodys");
    ck_assert(segments_look(s, clock_ms(), false));
    saved = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(segments_save(s, saved, "saved"), 0);
    segments_close(s);
    end_holder(pid);
    end_holder(other);
    loaded = segments_load(folder, saved, "saved");
    ck_assert_uint_eq(segments_remove(loaded), 2);
    ck_assert(!there("a") && !there("new\nline") && there("nobodys"));
    segments_close(loaded);
    ck_assert_int_eq(truncate("saved", 3), 0);
    loaded = segments_load(folder, saved, "saved");
    ck_assert_uint_eq(segments_remove(loaded), 0);
    segments_close(loaded);
    close(saved);
}
END_TEST

/* What others may have written is not believed, nor a link, nor a second name of a file. */
START_TEST(test_handed_over_by_others)
{
    struct stat st;
    char text[128];
    int saved, fd, len;

    make("victim");
    ck_assert_int_eq(stat("victim", &st), 0);
    len = 1 + snprintf(text, sizeof(text), "%llu %llu victim", (unsigned long long)st.st_dev,
                       (unsigned long long)st.st_ino);
    fd = open("good", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, text, (size_t)len), len);
    close(fd);
    saved = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(symlink("good", "link"), 0);
    ck_assert_uint_eq(removed_by(saved, "link"), 0);
    ck_assert_int_eq(link("good", "second"), 0);
    ck_assert_uint_eq(removed_by(saved, "good"), 0);
    ck_assert_int_eq(unlink("second"), 0);
    ck_assert_int_eq(chmod("good", 0620), 0);
    ck_assert_uint_eq(removed_by(saved, "good"), 0);
    ck_assert_int_eq(chmod("good", 0600), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown("good", 65534, 65534), 0);
        ck_assert_uint_eq(removed_by(saved, "good"), 0);
        ck_assert_int_eq(chown("good", 0, 0), 0);
    }
    ck_assert_uint_eq(removed_by(saved, "good"), 1);
    close(saved);
}
END_TEST

START_TEST(test_too_many)
{
    struct segments *s;

    for (int i = 0; i <= SEGMENTS_MAX; i++) {
        char name[32];

        snprintf(name, sizeof(name), "f%d", i);
        close(open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    ck_assert_ptr_null(segments_open(folder));
    unlink("f0");
    unlink("f1");
    s = segments_open(folder);
    ck_assert_ptr_nonnull(s);
    make("f1");
    make("f2000000");
    make("f2000001"); /* one too many: nothing is concluded */
    ck_assert(!segments_look(s, clock_ms(), true));
    ck_assert_uint_eq(segments_remove(s), 0);
    segments_close(s);
    ck_assert_ptr_null(segments_open("/no/such/folder"));
}
END_TEST

UNIT_MAIN_WITH("segments", begin, NULL, UNIT(test_removes_what_was_held),
               UNIT(test_never_a_strangers), UNIT(test_same_name_another_file),
               UNIT(test_of_another_user), UNIT(test_is_told), UNIT(test_a_flood_costs_little),
               UNIT(test_handed_over), UNIT(test_handed_over_by_others), UNIT(test_too_many))
