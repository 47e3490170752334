/* tree: see the header. */
#include "coord/tree.h"

#include <stdint.h>

static int lowest_bit(int rank)
{
    return rank & -rank;
}

int tree_parent(int rank)
{
    return rank - lowest_bit(rank);
}

int tree_links(int rank, int size, int links[TREE_LINKS_MAX])
{
    int end = rank ? lowest_bit(rank) : size;
    int n = 0;

    if (rank)
        links[n++] = tree_parent(rank);
    for (int64_t step = 1; step < end && rank + step < size; step *= 2)
        links[n++] = (int)(rank + step);
    return n;
}

int tree_size(int rank, int size)
{
    int most = size - rank;

    return rank && lowest_bit(rank) < most ? lowest_bit(rank) : most;
}

static bool is_below(int rank, int to)
{
    return to > rank && (!rank || to - rank < lowest_bit(rank));
}

int tree_next(int rank, int to)
{
    int step = 1;

    if (!is_below(rank, to))
        return tree_parent(rank);
    while (step <= (to - rank) / 2)
        step *= 2;
    return rank + step;
}
