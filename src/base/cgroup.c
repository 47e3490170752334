/* cgroup: /proc/self/cgroup says which one, /proc/self/mountinfo where it is. */
#include "base/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { PIECE = 8192, FILE_MOST = 1 << 20 };
#define NO_LIMIT ((int64_t)1 << 60) /* version 1 says "none" by a number near 2^63 */

char *cgroup_text(const char *root, const char *path, const char *name)
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
static char *path_of(const char *root, const char *controller, bool version_1)
{
    char *text = cgroup_text(root, "/proc/self/cgroup", ""), *save = NULL, *found = NULL;

    for (char *line = strtok_r(text, "\n", &save); line && !found;
         line = strtok_r(NULL, "\n", &save)) {
        char *controllers = strchr(line, ':'), *path;

        if (!controllers || !(path = strchr(++controllers, ':')))
            continue;
        *path++ = '\0';
        if (version_1 ? has_word(controllers, controller)
                      : *controllers == '\0' && strncmp(line, "0:", 2) == 0)
            found = mem_strdup(path);
    }
    free(text);
    return found;
}

/* Of a line of mountinfo: ID PARENT MAJOR:MINOR ROOT MOUNT OPTIONS ... - TYPE SOURCE OPTIONS */
static bool is_mount_of(char *line, const char *controller, bool version_1, char **root,
                        char **mount)
{
    char *behind = strstr(line, " - "), *save = NULL, *words[5] = {0}, options[512], type[64];
    int n = 0;

    if (!behind || sscanf(behind, " - %63s %*s %511s", type, options) != 2)
        return false;
    *behind = '\0';
    if (strcmp(type, version_1 ? "cgroup" : "cgroup2") != 0 ||
        (version_1 && !has_word(options, controller)))
        return false;
    for (char *word = strtok_r(line, " ", &save); word && n < 5; word = strtok_r(NULL, " ", &save))
        words[n++] = word;
    *root = words[3];
    *mount = words[4];
    return n == 5;
}

/* The last mount that holds path hides those before it. */
static void find_folder(struct cgroup *cgroup, const char *controller, const char *path)
{
    char *text = cgroup_text(cgroup->root, "/proc/self/mountinfo", ""), *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *root, *mount;
        size_t len;

        if (!is_mount_of(line, controller, cgroup->version_1, &root, &mount))
            continue;
        len = strcmp(root, "/") == 0 ? 0 : strlen(root);
        if (strncmp(path, root, len) != 0 || (path[len] != '\0' && path[len] != '/'))
            continue;
        free(cgroup->mount);
        free(cgroup->folder);
        cgroup->mount = mem_strdup(mount);
        cgroup->folder = mem_printf("%s%s", mount, strcmp(path + len, "/") == 0 ? "" : path + len);
    }
    free(text);
}

/* Where both versions are mounted, a controller belongs to one of them. */
void cgroup_find(struct cgroup *cgroup, const char *controller, const char *root)
{
    *cgroup = (struct cgroup){.root = mem_strdup(root)};
    for (int version = 1; version <= 2 && !cgroup->folder; version++) {
        char *path = path_of(root, controller, version == 1);

        cgroup->version_1 = version == 1;
        if (path)
            find_folder(cgroup, controller, path);
        free(path);
    }
}

void cgroup_free(struct cgroup *cgroup)
{
    free(cgroup->root);
    free(cgroup->mount);
    free(cgroup->folder);
    *cgroup = (struct cgroup){0};
}

int64_t cgroup_lowest(const struct cgroup *cgroup,
                      int64_t (*limit)(const struct cgroup *cgroup, const char *folder))
{
    char *folder = mem_strdup(cgroup->folder);
    int64_t lowest = 0;

    while (folder && strlen(folder) >= strlen(cgroup->mount)) {
        int64_t here = limit(cgroup, folder);
        char *last = strrchr(folder, '/');

        if (here > 0 && (!lowest || here < lowest))
            lowest = here;
        if (!last)
            break;
        *last = '\0';
    }
    free(folder);
    return lowest;
}

static int64_t number_behind(const char *text, const char *name)
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

int64_t cgroup_field(const char *root, const char *path, const char *file, const char *name)
{
    char *text = cgroup_text(root, path, file);
    int64_t value = number_behind(text, name);

    free(text);
    return value;
}

int64_t cgroup_number(const struct cgroup *cgroup, const char *folder, const char *file)
{
    char *text = cgroup_text(cgroup->root, folder, file);
    int64_t value = strtoll(text, NULL, 10);

    free(text);
    return value;
}

int64_t cgroup_memory_limit(const struct cgroup *cgroup, const char *folder)
{
    int64_t limit =
        cgroup_number(cgroup, folder, cgroup->version_1 ? "/memory.limit_in_bytes" : "/memory.max");

    return limit >= NO_LIMIT ? 0 : limit;
}
