/* explain: numbers into words, about memory and shared memory. Knows no process of the plan.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/mem.h"
#include "keeper/explain.h"

#define GIB (1024.0 * 1024 * 1024)
enum { FULL = 100 }; /* less than 1/100 free */

static const char *size_words(int64_t bytes, char *text, size_t size)
{
    if ((double)bytes < GIB)
        snprintf(text, size, "%.0f MiB", (double)bytes / (1024 * 1024));
    else
        snprintf(text, size, "%.1f GiB", (double)bytes / GIB);
    return text;
}

static void add_size(struct buf *out, const char *what, int64_t bytes)
{
    char text[32];

    if (bytes > 0)
        buf_addf(out, "%s%s", what, size_words(bytes, text, sizeof(text)));
}

/* Its words "out of memory" choose the hint (src/report/hint.c). */
static void add_memory(struct buf *out, pid_t pid, int64_t peak_kb, struct oom *oom)
{
    static const char *const words[] = {
        [OOM_NO] = "the kernel's memory killer was not at work, so that somebody sent it",
        [OOM_PROBABLE] = "probably out of memory (the kernel killed something on this machine)",
        [OOM_CERTAIN] = "out of memory (the kernel killed it)",
    };
    enum oom_verdict verdict = oom_judge(oom, pid);

    if (verdict == OOM_UNKNOWN)
        return;
    buf_addf(out, "%s", words[verdict]);
    add_size(out, "; its peak was ", peak_kb * 1024);
    if (verdict == OOM_NO)
        return;
    add_size(out, "; the machine has ", oom_machine_memory(oom));
    add_size(out, "; its cgroup's limit is ", oom_cgroup_limit(oom));
}

static void add_shm(struct buf *out, const char *shm)
{
    char free_words[32], all_words[32];
    struct statvfs fs;
    int64_t block, all, left;

    if (statvfs(shm, &fs) != 0 || fs.f_blocks == 0)
        return;
    block = (int64_t)fs.f_frsize;
    all = (int64_t)fs.f_blocks * block;
    left = (int64_t)fs.f_bavail * block;
    size_words(all, all_words, sizeof(all_words));
    if (left < all / FULL)
        buf_addf(out, "%s is full: %s of %s used", shm,
                 size_words(all - left, free_words, sizeof(free_words)), all_words);
    else
        buf_addf(out, "%s has %s of %s free now", shm,
                 size_words(left, free_words, sizeof(free_words)), all_words);
}

char *explain_signal(int signal, pid_t pid, int64_t peak_kb, struct oom *oom, const char *shm)
{
    struct buf text = {0};

    if (signal == SIGKILL)
        add_memory(&text, pid, peak_kb, oom);
    else if (signal == SIGBUS)
        add_shm(&text, shm);
    if (text.len > 0)
        buf_add(&text, "", 1);
    return text.data;
}
