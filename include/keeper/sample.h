/* sample: what trees of processes, and the machine, use now. Reads /proc, cgroup and /dev/shm, and
 * nothing that could block. Knows nothing of the job.
 */
#ifndef KEEPER_SAMPLE_H
#define KEEPER_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/outcome.h"

struct sampler;

/* A child of this process, and all below it. */
struct sample_tree {
    pid_t top;
    unsigned long long cpu;   /* clock ticks so far, of those too that have been waited for; of the
                                 sample before it until a sample is taken */
    unsigned long long spent; /* clock ticks since then */
    struct usage usage;
};

/* KiB; 0: not known. */
struct sample_machine {
    int64_t memory_kb, memory_used_kb; /* of the machine, or of our cgroup, if that leaves less */
    int64_t shm_kb, shm_used_kb;       /* of /dev/shm */
};

/* root stands before the paths of /proc/meminfo and of the cgroup: "" but in tests. */
struct sampler *sampler_open(const char *root);
void sampler_close(struct sampler *sampler); /* NULL is fine */

/* By top; and the tree with that top, or NULL. */
void sample_sort(struct sample_tree *trees, size_t n);
struct sample_tree *sample_find(struct sample_tree *trees, size_t n, pid_t top);

/* Fills in what the trees use, sorted by top. One whose top has gone, or was not there before, has
 * used nothing. */
void sampler_trees(struct sampler *sampler, struct sample_tree *trees, size_t n);

/* Bytes that all processes of the last sample have read and written so far: by read(2) and write(2)
 * and their kin, and through TCP. It falls when a process ends. */
uint64_t sampler_moved(const struct sampler *sampler);

struct sample_machine sampler_machine(const struct sampler *sampler);

#endif
