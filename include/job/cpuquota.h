/* cpuquota: the share of CPU time that this process's cgroup has (docker --cpus, a batch system).
 * Private to placement.
 */
#ifndef JOB_CPUQUOTA_H
#define JOB_CPUQUOTA_H

/* In whole CPUs, rounded up; 0: no limit, or none that can be seen. Reads cgroup v2's cpu.max or
 * v1's cpu.cfs_quota_us, of the cgroup and all above it. */
int cpuquota_cpus(void);

#endif
