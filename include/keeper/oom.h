/* oom: tells whether the kernel has killed a process for lack of memory, by its counters and its
 * own words, and how much memory there is.
 */
#ifndef KEEPER_OOM_H
#define KEEPER_OOM_H

#include <stdint.h>
#include <sys/types.h>

enum oom_verdict {
    OOM_UNKNOWN,  /* nothing here can be read */
    OOM_NO,       /* the kernel has killed nothing on this machine */
    OOM_PROBABLE, /* it has killed something on this machine */
    OOM_CERTAIN,  /* it names the process, or has killed in our cgroup */
};

struct oom;

/* Remembers how things stand. root stands before every path: "" but in tests. */
struct oom *oom_open(const char *root);
void oom_close(struct oom *oom); /* NULL is fine */

/* Call now and then: what happened more than 10 to 20 s ago is forgotten. Reads three small files
 * every 10 s. */
void oom_tick(struct oom *oom, int64_t now);

/* Was pid, which has just died by SIGKILL, killed for lack of memory? oom may be NULL. */
enum oom_verdict oom_judge(struct oom *oom, pid_t pid);

/* Bytes: of the machine, and the lowest limit of our cgroup and those above it; 0: not known, none.
 */
int64_t oom_machine_memory(const struct oom *oom);
int64_t oom_cgroup_limit(const struct oom *oom);

#endif
