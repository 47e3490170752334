/* net: peers' third implementation: the ranks of one simulated world. Messages go through the real
 * fragments; each pair of ranks and lane keeps its order, and nothing else does. Collectives and
 * gates go hop by hop along a binomial tree, so that a lost rank cuts off what is behind it.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "coord/peers.h"
#include "world.h"

/* A rank's view of the world. */
struct peers *net_open(struct node *node);

/* Ends all other ranks that can be reached, as MPI_Abort does, and mpirun when a rank dies. */
void net_abort_others(const struct node *node, int code);

#endif
