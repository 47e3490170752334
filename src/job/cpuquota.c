/* cpuquota: version 2 has both numbers in cpu.max, version 1 a file for each. */
#include "job/cpuquota.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cgroup.h"

/* Up to two numbers at the front of a file; how many there are ("max" is none). */
static int read_numbers(const struct cgroup *cgroup, const char *folder, const char *name,
                        long long *a, long long *b)
{
    char *text = cgroup_text(cgroup->root, folder, name);
    int n = sscanf(text, "%lld %lld", a, b);

    free(text);
    return n;
}

static int64_t cpus_of(const struct cgroup *cgroup, const char *folder)
{
    long long quota = 0, period = 0, none;

    if (read_numbers(cgroup, folder, "/cpu.max", &quota, &period) < 2 &&
        (read_numbers(cgroup, folder, "/cpu.cfs_quota_us", &quota, &none) < 1 ||
         read_numbers(cgroup, folder, "/cpu.cfs_period_us", &period, &none) < 1))
        return 0;
    if (quota <= 0 || period <= 0 || (quota - 1) / period >= INT_MAX)
        return 0;
    return (quota - 1) / period + 1;
}

int cpuquota_cpus(void)
{
    struct cgroup cgroup;
    int cpus;

    cgroup_find(&cgroup, "cpu", "");
    cpus = (int)cgroup_lowest(&cgroup, cpus_of);
    cgroup_free(&cgroup);
    return cpus;
}
