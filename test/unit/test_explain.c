/* test_explain: the kernel's counters under a root of our own, shared memory, torch's error files.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "keeper/errorfile.h"
#include "keeper/explain.h"
#include "unit.h"

static char root[UNIT_PATH];

static void put(const char *path, const char *text)
{
    unit_put(root, path, text);
}

static void begin(void)
{
    unit_folder(root, "/tmp");
    put("/proc/meminfo", "MemTotal:       25165824 kB\nMemFree: 1 kB\n");
    put("/proc/vmstat", "nr_free_pages 5\noom_kill_x 9\noom_kill 3\n");
}

static void use_version_2(void)
{
    put("/proc/self/cgroup", "0::/job/step\n");
    put("/proc/self/mountinfo", "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/sys/fs/cgroup/job/step/memory.events", "low 0\noom 5\noom_kill 2\n");
    put("/sys/fs/cgroup/job/step/memory.max", "max\n");
    put("/sys/fs/cgroup/job/memory.max", "4294967296\n");
}

static void use_version_1(void)
{
    put("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/abc/job\n0::/\n");
    put("/proc/self/mountinfo",
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup "
        "rw,cpu,memory\n"
        "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n");
    put("/sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\noom_kill 0\n");
    put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "209715200\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
}

/* What a SIGKILL is explained by. */
static void check_kill(struct oom *oom, int64_t peak_kb, const char *want)
{
    char *text = explain_signal(SIGKILL, 4711, peak_kb, oom, "/");

    if (!want)
        ck_assert_ptr_null(text);
    else
        ck_assert_str_eq(text, want);
    free(text);
}

START_TEST(version_2_counts)
{
    struct oom *oom;

    begin();
    use_version_2();
    oom = oom_open(root);
    check_kill(oom, 1024,
               "the kernel's memory killer was not at work, so that somebody sent it; its "
               "peak was 1 MiB");
    put("/sys/fs/cgroup/job/step/memory.events", "low 0\noom 5\noom_kill 3\n");
    check_kill(oom, 1258291,
               "out of memory (the kernel killed it); its peak was 1.2 GiB; the machine has 24.0 "
               "GiB; its cgroup's limit is 4.0 GiB");
    oom_close(oom);
}
END_TEST

START_TEST(version_1_counts)
{
    struct oom *oom;

    begin();
    use_version_1();
    oom = oom_open(root);
    ck_assert_int_eq(oom_judge(oom, 1), OOM_NO);
    put("/sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\noom_kill 1\n");
    check_kill(oom, 0,
               "out of memory (the kernel killed it); the machine has 24.0 GiB; its cgroup's limit "
               "is 200 MiB");
    oom_close(oom);
}
END_TEST

START_TEST(the_machine_alone_makes_it_probable)
{
    struct oom *oom;

    begin();
    oom = oom_open(root);
    put("/proc/vmstat", "oom_kill 4\n");
    check_kill(oom, 0,
               "probably out of memory (the kernel killed something on this machine); the machine "
               "has 24.0 GiB");
    oom_close(oom);
}
END_TEST

START_TEST(nothing_readable_says_nothing)
{
    struct oom *oom;

    begin();
    put("/proc/vmstat", "nothing 1\n");
    oom = oom_open(root);
    check_kill(oom, 5, NULL);
    check_kill(NULL, 5, NULL);
    oom_close(oom);
    oom_close(NULL);
    oom = oom_open("/no/such/root");
    check_kill(oom, 5, NULL);
    ck_assert_int_eq(oom_machine_memory(oom), 0);
    oom_close(oom);
}
END_TEST

START_TEST(the_past_is_forgotten)
{
    struct oom *oom;
    int64_t now = 1ll << 40;

    begin();
    oom = oom_open(root);
    put("/proc/vmstat", "oom_kill 4\n");
    oom_tick(oom, now);
    ck_assert_int_eq(oom_judge(oom, 1), OOM_PROBABLE);
    oom_tick(oom, now + 9000);
    ck_assert_int_eq(oom_judge(oom, 1), OOM_PROBABLE);
    oom_tick(oom, now + 10000);
    ck_assert_int_eq(oom_judge(oom, 1), OOM_NO);
    oom_close(oom);
}
END_TEST

static void append(const char *path, const char *text)
{
    char *full = mem_printf("%s%s", root, path);
    FILE *file = fopen(full, "ae");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    free(full);
}

START_TEST(the_kernel_names_it)
{
    char *link;
    struct oom *oom;

    begin();
    put("/dev/kmsg", "6,1,1,-;Killed process 4711 (old) total-vm:1kB\n");
    put("/proc/self/ns/x", "");
    link = mem_printf("%s/proc/self/ns/pid", root);
    ck_assert_int_eq(symlink("pid:[4026531836]", link), 0);
    oom = oom_open(root);
    ck_assert_int_eq(oom_judge(oom, 4711), OOM_NO);
    append("/dev/kmsg", "3,2,2,-;Out of memory: Killed process 4710 (a) x\n"
                        "3,3,3,-;Memory cgroup out of memory: Killed process 47 (b) x\n");
    ck_assert_int_eq(oom_judge(oom, 4711), OOM_NO);
    ck_assert_int_eq(oom_judge(oom, 47), OOM_CERTAIN); /* although it was read before */
    append("/dev/kmsg", "3,4,4,-;Memory cgroup out of memory: Killed process 4711 (python3) x\n");
    ck_assert_int_eq(oom_judge(oom, 4711), OOM_CERTAIN);
    oom_close(oom);

    unlink(link); /* another pid namespace: the kernel's numbers are not ours */
    ck_assert_int_eq(symlink("pid:[1]", link), 0);
    oom = oom_open(root);
    append("/dev/kmsg", "3,5,5,-;Killed process 4711 (python3) x\n");
    ck_assert_int_eq(oom_judge(oom, 4711), OOM_NO);
    oom_close(oom);
    free(link);
}
END_TEST

START_TEST(this_machine_can_be_read)
{
    struct oom *oom = oom_open("");

    ck_assert_int_gt(oom_machine_memory(oom), 1 << 20);
    ck_assert_int_ge(oom_cgroup_limit(oom), 0);
    oom_close(oom);
}
END_TEST

START_TEST(sigbus_shows_shared_memory)
{
    char *text = explain_signal(SIGBUS, 1, 0, NULL, "/tmp");

    ck_assert_ptr_nonnull(text);
    ck_assert(strstr(text, "/tmp has ") == text || strstr(text, "/tmp is full: ") == text);
    free(text);
    ck_assert_ptr_null(explain_signal(SIGBUS, 1, 0, NULL, "/no/such/folder"));
    ck_assert_ptr_null(explain_signal(SIGSEGV, 1, 0, NULL, "/tmp"));
    ck_assert_ptr_null(explain_signal(-125, 1, 0, NULL, "/tmp")); /* exit code 3 minus 128 */
}
END_TEST

static const struct {
    const char *file, *exception;
} files[] = {
    {"{\"message\": {\"message\": \"ValueError: x\", \"extraInfo\": {\"py_callstack\": \"T\\n\", "
     "\"timestamp\": \"1\"}}}",
     "ValueError: x"},
    {"{\"message\": \"RuntimeError:\\n  two  lines\\n\"}", "RuntimeError: two lines"},
    {"{\"message\": \"\"}", NULL},
    {"{\"message\": \" \\n \"}", NULL},
    {"{\"message\": 7}", NULL},
    {"{\"message\": {\"message\": [1]}}", NULL},
    {"{\"message\": {}}", NULL},
    {"[\"message\"]", NULL},
    {"\"message\"", NULL},
    {"{\"message\": \"cut", NULL},
    {"{\"message\": \"a\\u0000b\"}", NULL},
    {"", NULL},
    {"\xff\xfe", NULL},
};

START_TEST(error_files)
{
    char *path, *deep = mem_calloc(1, 200001), *text;

    begin();
    path = mem_printf("%s/error.json", root);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        put("/error.json", files[i].file);
        text = errorfile_read(path, 0);
        if (!files[i].exception)
            ck_assert_msg(!text, "%zu: %s", i, text);
        else
            ck_assert_str_eq(text, files[i].exception);
        free(text);
    }
    put("/error.json", files[0].file);
    ck_assert_ptr_null(errorfile_read(path, time(NULL) + 100)); /* of an earlier run */
    memset(deep, '[', 200000);
    put("/error.json", deep);
    ck_assert_ptr_null(errorfile_read(path, 0));
    free(deep);
    ck_assert_ptr_null(errorfile_read(root, 0));
    unlink(path);
    ck_assert_ptr_null(errorfile_read(path, 0));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_ptr_null(errorfile_read(path, 0));
    free(path);
}
END_TEST

START_TEST(a_long_message_is_cut)
{
    char *text, *file, *path, *word = mem_calloc(1, 5001);

    begin();
    memset(word, 'x', 5000);
    file = mem_printf("{\"message\": \"%s\"}", word);
    path = mem_printf("%s/error.json", root);
    put("/error.json", file);
    text = errorfile_read(path, 0);
    ck_assert_uint_eq(strlen(text), 1000);
    free(text);
    free(word);
    free(file);
    free(path);
}
END_TEST

UNIT_MAIN("explain", version_2_counts, version_1_counts, the_machine_alone_makes_it_probable,
          nothing_readable_says_nothing, the_past_is_forgotten, the_kernel_names_it,
          this_machine_can_be_read, sigbus_shows_shared_memory, error_files, a_long_message_is_cut)
