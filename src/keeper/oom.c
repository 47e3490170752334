/* oom: the counters oom_kill of our cgroup (version 2: memory.events, version 1:
 * memory.oom_control) and of /proc/vmstat, and "Killed process PID" in /dev/kmsg. Knows nothing of
 * the job.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "keeper/oom.h"

enum {
    REMEMBER_MS = 10000,
    PIECE = 8192,
    FILE_MOST = 1 << 20,
    NAMED_MOST = 64,
    RECORDS = 20000 /* of the kernel's log, read at once at most */
};
#define FIRST_PIDS "pid:[4026531836]" /* PROC_PID_INIT_INO: the kernel's words mean these pids */
#define NO_LIMIT   ((int64_t)1 << 60) /* version 1 says "none" by a number near 2^63 */

struct counts {
    int64_t cgroup, machine; /* -1: cannot be read */
};

struct oom {
    char *root;
    char *mount,
        *folder; /* where the hierarchy is mounted, and our cgroup in it; NULL: not found */
    bool version_1;
    int kmsg;                /* -1: cannot be read */
    pid_t named[NAMED_MOST]; /* in a ring: the last that the kernel's log named */
    int n_named;
    struct counts older, newer;
    int64_t taken; /* when newer was */
};

/* /proc has no sizes: until the end. NUL-terminated, "" where there is nothing. The caller frees.
 */
static char *read_text(const char *root, const char *path, const char *name)
{
    char *full = mem_printf("%s%s%s", root, path, name);
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct buf text = {0};
    ssize_t n;

    while (fd >= 0 && text.len < FILE_MOST && (n = read(fd, buf_reserve(&text, PIECE), PIECE)) > 0)
        text.len += (size_t)n;
    if (fd >= 0)
        close(fd);
    buf_add(&text, "", 1);
    free(full);
    return text.data;
}

/* The number behind "NAME " at the start of a line, or -1. */
static int64_t field(const char *text, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = text; line && *line != '\0';) {
        if (strncmp(line, name, len) == 0 && strchr(" \t:", line[len]))
            return strtoll(line + len + strspn(line + len, ": \t"), NULL, 10);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return -1;
}

static int64_t read_field(const char *root, const char *path, const char *file, const char *name)
{
    char *text = read_text(root, path, file);
    int64_t value = field(text, name);

    free(text);
    return value;
}

/* ---- our cgroup ---- */

/* Is word among the words between commas? */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += len) {
        if ((at == list || at[-1] == ',') && (at[len] == '\0' || at[len] == ','))
            return true;
    }
    return false;
}

/* The path in a line "ID:CONTROLLERS:PATH" of /proc/self/cgroup. The caller frees. */
static char *cgroup_path(const char *root, bool version_1)
{
    char *text = read_text(root, "/proc/self/cgroup", ""), *save = NULL, *found = NULL;

    for (char *line = strtok_r(text, "\n", &save); line && !found;
         line = strtok_r(NULL, "\n", &save)) {
        char *controllers = strchr(line, ':'), *path;

        if (!controllers || !(path = strchr(++controllers, ':')))
            continue;
        *path++ = '\0';
        if (version_1 ? has_word(controllers, "memory")
                      : *controllers == '\0' && strncmp(line, "0:", 2) == 0)
            found = mem_strdup(path);
    }
    free(text);
    return found;
}

/* Of a line of mountinfo: ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS ... - TYPE SOURCE OPTIONS */
static bool is_mount_of(char *line, bool version_1, char **root, char **mount)
{
    char *behind = strstr(line, " - "), *save = NULL, *words[5] = {0}, options[512], type[64];
    int n = 0;

    if (!behind || sscanf(behind, " - %63s %*s %511s", type, options) != 2)
        return false;
    *behind = '\0';
    if (strcmp(type, version_1 ? "cgroup" : "cgroup2") != 0 ||
        (version_1 && !has_word(options, "memory")))
        return false;
    for (char *word = strtok_r(line, " ", &save); word && n < 5; word = strtok_r(NULL, " ", &save))
        words[n++] = word;
    *root = words[3];
    *mount = words[4];
    return n == 5;
}

/* The last mount that holds path hides those before it. */
static void find_folder(struct oom *oom, const char *path)
{
    char *text = read_text(oom->root, "/proc/self/mountinfo", ""), *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *root, *mount;
        size_t len;

        if (!is_mount_of(line, oom->version_1, &root, &mount))
            continue;
        len = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(path, root, len) != 0 || (path[len] != '\0' && path[len] != '/'))
            continue;
        free(oom->mount);
        free(oom->folder);
        oom->mount = mem_strdup(mount);
        oom->folder = mem_printf("%s%s", mount, strcmp(path + len, "/") == 0 ? "" : path + len);
    }
    free(text);
}

/* Where both versions are mounted, memory is controlled by one of them. */
static void find_cgroup(struct oom *oom)
{
    char *path = cgroup_path(oom->root, true);

    oom->version_1 = path;
    if (!path)
        path = cgroup_path(oom->root, false);
    if (path)
        find_folder(oom, path);
    free(path);
}

static int64_t cgroup_count(const struct oom *oom)
{
    if (!oom->folder)
        return -1;
    return read_field(oom->root, oom->folder,
                      oom->version_1 ? "/memory.oom_control" : "/memory.events", "oom_kill");
}

static int64_t limit_of(const struct oom *oom, const char *folder)
{
    char *text =
        read_text(oom->root, folder, oom->version_1 ? "/memory.limit_in_bytes" : "/memory.max");
    int64_t limit = strtoll(text, NULL, 10); /* "max" is 0 */

    free(text);
    return limit >= NO_LIMIT ? 0 : limit;
}

int64_t oom_cgroup_limit(const struct oom *oom)
{
    int64_t lowest = 0;
    char *folder;

    if (!oom)
        return 0;
    folder = mem_strdup(oom->folder);
    while (folder && strlen(folder) >= strlen(oom->mount)) {
        int64_t limit = limit_of(oom, folder);
        char *last = strrchr(folder, '/');

        if (limit > 0 && (lowest == 0 || limit < lowest))
            lowest = limit;
        if (!last)
            break;
        *last = '\0';
    }
    free(folder);
    return lowest;
}

int64_t oom_machine_memory(const struct oom *oom)
{
    int64_t kb = oom ? read_field(oom->root, "/proc/meminfo", "", "MemTotal") : 0;

    return kb > 0 ? kb * 1024 : 0;
}

/* ---- the kernel's own words ---- */

static int open_kmsg(const char *root)
{
    char *path = mem_printf("%s/proc/self/ns/pid", root), space[64] = "";
    int fd = -1;

    if (readlink(path, space, sizeof(space) - 1) > 0 && strcmp(space, FIRST_PIDS) == 0) {
        free(path);
        path = mem_printf("%s/dev/kmsg", root);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
            lseek(fd, 0, SEEK_END);
    }
    free(path);
    return fd;
}

/* Each read gives one record; EPIPE: some were lost. */
static void read_kmsg(struct oom *oom)
{
    static const char mark[] = "Killed process ";
    char record[PIECE];
    ssize_t n;

    for (int i = 0; oom->kmsg >= 0 && i < RECORDS; i++) {
        n = read(oom->kmsg, record, sizeof(record) - 1);
        if (n <= 0 && !(n < 0 && errno == EPIPE))
            break;
        record[n < 0 ? 0 : n] = '\0';
        for (const char *at = record; (at = strstr(at, mark)); at += sizeof(mark) - 1)
            oom->named[oom->n_named++ % NAMED_MOST] =
                (pid_t)strtol(at + sizeof(mark) - 1, NULL, 10);
    }
}

static bool kernel_names(struct oom *oom, pid_t pid)
{
    read_kmsg(oom);
    for (int i = 0; i < oom->n_named && i < NAMED_MOST; i++) {
        if (oom->named[i] == pid)
            return true;
    }
    return false;
}

/* ---- together ---- */

static struct counts count(const struct oom *oom)
{
    return (struct counts){cgroup_count(oom),
                           read_field(oom->root, "/proc/vmstat", "", "oom_kill")};
}

struct oom *oom_open(const char *root)
{
    struct oom *oom = mem_calloc(1, sizeof(*oom));

    oom->root = mem_strdup(root);
    find_cgroup(oom);
    oom->kmsg = open_kmsg(root);
    oom->older = oom->newer = count(oom);
    oom->taken = clock_ms();
    return oom;
}

void oom_close(struct oom *oom)
{
    if (!oom)
        return;
    if (oom->kmsg >= 0)
        close(oom->kmsg);
    free(oom->root);
    free(oom->mount);
    free(oom->folder);
    free(oom);
}

void oom_tick(struct oom *oom, int64_t now)
{
    if (now - oom->taken < REMEMBER_MS)
        return;
    oom->older = oom->newer;
    oom->newer = count(oom);
    oom->taken = now;
}

enum oom_verdict oom_judge(struct oom *oom, pid_t pid)
{
    struct counts now;

    if (!oom)
        return OOM_UNKNOWN;
    now = count(oom);
    if (kernel_names(oom, pid) || (oom->older.cgroup >= 0 && now.cgroup > oom->older.cgroup))
        return OOM_CERTAIN;
    if (now.machine < 0 || oom->older.machine < 0)
        return OOM_UNKNOWN;
    return now.machine > oom->older.machine ? OOM_PROBABLE : OOM_NO;
}
