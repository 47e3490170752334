/* probe: does this machine reach others by TCP, on several networks at once? It listens on each of
 * its addresses, and the kernel answers whoever connects there; nobody accepts. So a machine whose
 * rank stands still counts as reached: this is about networks.
 */
#ifndef COORD_PROBE_H
#define COORD_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "job/networks.h"
#include "job/site.h"

enum { PROBE_MS = 3000 }; /* for all connections; a lost first packet is sent again after 1 s */

struct probe {
    int fds[SITE_LINKS];
};

/* Listens on the addresses of the site that are up, and sets the ports in it; port 0: it cannot. */
void probe_open(struct probe *probe, struct site *site);

void probe_close(struct probe *probe);

/* Whom one machine tries to reach, and from where. */
struct probe_target {
    int network, machine;
    uint32_t from, to; /* addresses, host byte order */
    int port;
};

/* Connects to all of the n targets at once, and waits PROBE_MS at most. What is not reached by then
 * counts in *verdict. */
void probe_reach(const struct probe_target *targets, size_t n, struct verdict *verdict);

#endif
