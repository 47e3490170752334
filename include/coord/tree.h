/* tree: which rank talks to which: a binomial tree with rank 0 at its top. A rank's parent is its
 * number without the lowest bit that is set, so that each edge joins two ranks that differ in one
 * bit; MPI's reductions open these connections anyway. A rank has log2(size) neighbours at most.
 * Pure.
 */
#ifndef COORD_TREE_H
#define COORD_TREE_H

#include <stdbool.h>

enum { TREE_LINKS_MAX = 32 };

/* Writes rank's neighbours in a world of size ranks, the parent first, then the children upwards;
 * returns how many. */
int tree_links(int rank, int size, int links[TREE_LINKS_MAX]);

/* Rank 0 is its own. */
int tree_parent(int rank);

/* How many ranks are below rank, itself counted: it and those that follow it. */
int tree_size(int rank, int size);

/* The neighbour of rank on the way to another rank. */
int tree_next(int rank, int to);

#endif
