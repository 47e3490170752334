/* meeting: from a world of ranks to one coordinator a machine. Runs the opening collectives, finds
 * out who owns which line of ip_config, and sends the others to sleep.
 */
#ifndef COORD_MEETING_H
#define COORD_MEETING_H

#include <stdint.h>

#include "base/err.h"
#include "coord/announce.h"
#include "coord/launch.h"
#include "coord/peers.h"
#include "coord/sleepers.h"
#include "job/job.h"
#include "job/placement.h"

/* A rank of a machine without a line. */
struct spare {
    int number; /* in the whole world */
    struct seat seat;
};

struct meeting {
    struct announce announce;  /* on all ranks */
    int machine;               /* line of ip_config; a sleeper's is its machine's */
    int root_machine;          /* rank 0's */
    int sleeps;                /* 1: another rank was elected on this machine, or it is spare */
    bool is_spare;             /* this machine has no line, and stays idle (--spare) */
    bool may_be_called;        /* it may take the place of one that is lost */
    struct sleepers *sleepers; /* of this machine; NULL: none. The coordinator's to dismiss */
    struct ports ports;        /* that the survey has found, held until this rank ends */
    char host[65];
    /* rank 0 only, indexed by rank after narrowing: */
    struct seat *seats;
    int *machine_of;
    int *numbers;         /* in the whole world */
    struct spare *spares; /* of machines that may take another's place, one each */
    int n_spares;
    int extra_ranks;        /* how many sleep, in the whole job */
    int spare_ranks;        /* how many of them on machines without a line */
    struct buf spare_hosts; /* the names of those machines, the first few */
    bool may_spare;
    const char *one_each; /* as struct launch has it */
};

/* A code for meeting_hold: there is nothing to run, all ranks leave with 0. */
enum { MEETING_DONE = -1 };

/* job: rank 0's, which gets here what only the machines can tell; NULL elsewhere, and on rank 0
 * when it could not be loaded. code: 0, or what all ranks are to leave with, MEETING_DONE included.
 * 0; or -1 with err: on rank 0 err says why; elsewhere the text is empty when rank 0 says it. */
int meeting_hold(struct meeting *meeting, struct peers *peers, struct job *job, int code,
                 const struct launch *launch, struct err *err);

void meeting_free(struct meeting *meeting);

#endif
