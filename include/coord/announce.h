/* announce: what rank 0 tells all ranks before anyone knows its role: the config files as rank 0
 * has read them, and what every rank must know of the options.
 */
#ifndef COORD_ANNOUNCE_H
#define COORD_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "coord/survey.h"
#include "job/hosts.h"
#include "job/job.h"

struct announce {
    int log_level;         /* enum log_level */
    uint64_t key;          /* random, of this job */
    uint64_t doorbell_key; /* another, since it crosses the network in the clear; 0: no doorbells */
    int preempt_signal;    /* 0: none */
    int64_t lost_timeout_ms; /* 0: off */
    bool has_servers;        /* each machine */
    enum survey_of survey;   /* comes first; then another announcement with all that follows */
    struct hosts hosts;
    struct hosts spares;    /* none where the job is not to go on after a loss */
    struct buf ip_config;   /* the file's bytes */
    struct buf part_config; /* the file's bytes; empty when there is none */
};

/* Makes rank 0's from a job that has been loaded. Copies all that it needs. */
void announce_make(struct announce *a, const struct job *job);

void announce_pack(struct buf *out, const struct announce *a);

/* 0, or -1 with err (EXIT_LAUNCHER) when the bytes are malformed: another version on rank 0. */
int announce_unpack(struct announce *a, const struct buf *data, struct err *err);

void announce_free(struct announce *a);

#endif
