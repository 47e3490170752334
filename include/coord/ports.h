/* ports: so many TCP ports in a row that this job's servers of this machine are to have. Two jobs
 * that start together must not choose the same, and servers listen long after that. So whoever has
 * chosen a port holds an abstract Unix socket with its number in the name: it belongs to the
 * network namespace, as the port does, leaves nothing, and goes with the rank.
 */
#ifndef COORD_PORTS_H
#define COORD_PORTS_H

#include <stdbool.h>

struct ports {
    int base, n; /* that are held */
    int *fds;    /* n */
};

/* Holds base to base + n - 1, in the place of what it held. False, and it holds nothing: somebody
 * listens on one of them, or another job of ours holds it. */
bool ports_take(struct ports *ports, int base, int n);

/* The lowest base from `from` on with n ports in a row that ports_take could take now, outside the
 * range from which the kernel gives ports to clients, if there is one; else in it. 0: none. It
 * holds nothing then. */
int ports_next(struct ports *ports, int from, int n);

void ports_release(struct ports *ports);

#endif
