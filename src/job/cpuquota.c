/* cpuquota: from /proc/self/cgroup to the smallest quota on the way to the root. */
#include "job/cpuquota.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ROOT "/sys/fs/cgroup"

/* Up to two numbers at the front of a file; how many there are ("max" is none). */
static int read_numbers(const char *folder, const char *name, long long *a, long long *b)
{
    char *path = mem_printf("%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    int n = file ? fscanf(file, "%lld %lld", a, b) : 0;

    if (file)
        fclose(file);
    free(path);
    return n;
}

/* Of one cgroup: v2's cpu.max has both numbers, v1 a file for each. */
static int cpus_of(const char *folder)
{
    long long quota = 0, period = 0, none;

    if (read_numbers(folder, "cpu.max", &quota, &period) < 2 &&
        (read_numbers(folder, "cpu.cfs_quota_us", &quota, &none) < 1 ||
         read_numbers(folder, "cpu.cfs_period_us", &period, &none) < 1))
        return 0;
    if (quota <= 0 || period <= 0 || (quota - 1) / period >= INT_MAX)
        return 0;
    return (int)((quota - 1) / period) + 1;
}

static int smallest(int a, int b)
{
    return !a || (b && b < a) ? b : a;
}

/* path is cut to its parents one by one. */
static int cpus_up_from(const char *mount, char *path)
{
    int cpus = 0;

    for (;;) {
        char *folder = mem_printf("%s%s", mount, path), *slash = strrchr(path, '/');

        cpus = smallest(cpus, cpus_of(folder));
        free(folder);
        if (!slash || !path[0])
            return cpus;
        *slash = '\0';
    }
}

/* "0::/path" is v2's line; v1's has "cpu" among its controllers. */
static int cpus_of_line(char *line)
{
    char *controllers = strchr(line, ':'),
         *path = controllers ? strchr(controllers + 1, ':') : NULL;
    int cpus = 0;

    if (!path)
        return 0;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    controllers++;
    if (!*controllers)
        return cpus_up_from(ROOT, path);
    for (char *save = NULL, *name = strtok_r(controllers, ",", &save); name;
         name = strtok_r(NULL, ",", &save))
        if (!strcmp(name, "cpu"))
            cpus = cpus_up_from(ROOT "/cpu", path);
    return cpus;
}

int cpuquota_cpus(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char *line = NULL;
    size_t size = 0;
    int cpus = 0;

    while (file && getline(&line, &size, file) > 0)
        cpus = smallest(cpus, cpus_of_line(line));
    if (file)
        fclose(file);
    free(line);
    return cpus;
}
