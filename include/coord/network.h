/* network: which of this machine's networks MPI is to use.
 */
#ifndef COORD_NETWORK_H
#define COORD_NETWORK_H

#include "job/options.h"

/* Before MPI_Init, where this machine has several networks: names the one of ip_config to MPI, by
 * the environment of this process. An MPI left to itself tries all of them, also those whose
 * address each machine has (Docker's bridge, 172.17.0.1): Open MPI 4.1.4 then waits for ever,
 * MPICH 4.0.2 ends in MPI_Init [measured]. Does nothing where the user or the site has chosen, or
 * where ip_config cannot be read here: rank 0 will say why. */
void network_prefer(const struct options *options);

#endif
