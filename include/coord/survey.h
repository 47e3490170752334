/* survey: what the opening needs besides, where the user has not said all: rank 0 hears what each
 * machine is and has, lets them try the networks (--ip_config auto), and finds a base of ports that
 * is free on all of them.
 */
#ifndef COORD_SURVEY_H
#define COORD_SURVEY_H

#include "base/err.h"
#include "coord/peers.h"
#include "coord/ports.h"
#include "job/job.h"

/* What it is for. */
enum survey_of { SURVEY_NONE, SURVEY_PORTS, SURVEY_NETWORKS };

/* What rank 0's job needs. */
enum survey_of survey_wanted(const struct job *job);

/* A series of opening collectives, which all ranks run. job: rank 0's, which gets its machines and
 * ports; NULL elsewhere. *ports: what this machine holds then. 0, or -1 with err: on rank 0 the
 * reason, which the others have not heard yet; elsewhere a collective has failed. */
int survey_hold(struct peers *peers, enum survey_of of, struct job *job, struct ports *ports,
                struct err *err);

#endif
