/* coord: the coordinator of one machine, from the agreed plan to the agreed exit code.
 */
#ifndef COORD_COORD_H
#define COORD_COORD_H

#include "coord/launch.h"
#include "coord/meeting.h"
#include "coord/peers.h"
#include "job/job.h"
#include "keeper/keeper.h"

/* Everything it needs. All stay the caller's, and live until the process ends. */
struct coord_setup {
    struct peers *peers;
    struct keeper keeper;
    struct scribe *scribe;
    struct meeting *meeting;
    struct job *job;      /* rank 0's; NULL elsewhere */
    struct parent parent; /* the process that started this one */
    int attempt;          /* that it begins with */
};

/* Runs this machine's part of the job to its end and leaves by peers_leave or peers_abort. Children
 * are started only through the keeper; no MPI call blocks while one lives. */
_Noreturn void coord_run(const struct coord_setup *setup);

#endif
