/* curve: what a machine and the job's processes there have used, over time. Plain data, of bounded
 * size however long the job runs: older moments are joined.
 */
#ifndef WIRE_CURVE_H
#define WIRE_CURVE_H

#include <stdint.h>

#include "wire/pack.h"

enum { CURVE_MOST = 64 /* moments; an even number */ };

/* One sample, or several that were joined: then at_ms is when the last was taken, cpu_permille the
 * mean, and each other member the largest. */
struct moment {
    int64_t at_ms;        /* since the keeper began to start servers */
    int64_t cpu_permille; /* of the job's processes; 1000 is one core */
    int64_t private_kb;   /* of the job's processes: memory that is no file's and not shared */
    int64_t memory_kb;    /* in use on the machine, or in our cgroup, if that is nearer its limit */
    int64_t shm_kb;       /* in use in /dev/shm */
};

/* All zero is none. */
struct curve {
    struct moment *moments;
    int n;
    int each; /* so many samples are joined in a moment; 0: one */
    int have; /* samples in the last moment; 0: it is full. Neither travels. */
};

/* Appends a sample, later than those before it. */
void curve_add(struct curve *curve, const struct moment *sample);
void curve_free(struct curve *curve);

void pack_curve(struct buf *out, const struct curve *curve);
void unpack_curve(struct unpack *u, struct curve *curve); /* sets u->bad when malformed */

#endif
