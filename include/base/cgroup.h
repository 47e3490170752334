/* cgroup: where this process's cgroup is, for one controller, and the limits on the way to the
 * root. Version 1 and version 2.
 */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup {
    char *root;
    char *mount, *folder; /* of the hierarchy, and of our cgroup in it; NULL: not found */
    bool version_1;
};

/* root stands before every path: "" but in tests. Free with cgroup_free. */
void cgroup_find(struct cgroup *cgroup, const char *controller, const char *root);
void cgroup_free(struct cgroup *cgroup);

/* The lowest of the limits, each above 0, of our cgroup and of those above it; 0: there is none. */
int64_t cgroup_lowest(const struct cgroup *cgroup,
                      int64_t (*limit)(const struct cgroup *cgroup, const char *folder));

/* The text of ROOT PATH NAME, for files of /proc and of cgroups, which have no size: at most 1 MiB;
 * "" where it cannot be read. The caller frees. */
char *cgroup_text(const char *root, const char *path, const char *name);

/* The number behind NAME, at the start of a line of such a text, and a blank, tab or colon; -1:
 * there is none. */
int64_t cgroup_field(const char *root, const char *path, const char *file, const char *name);

/* The limit in bytes that this folder of the controller "memory" sets; 0: none. For cgroup_lowest.
 */
int64_t cgroup_memory_limit(const struct cgroup *cgroup, const char *folder);

/* The number that a file of such a folder begins with; 0 where it is none, as "max". */
int64_t cgroup_number(const struct cgroup *cgroup, const char *folder, const char *file);

#endif
