/* networks: which network the machines of --ip_config auto use. A network is one interface of each
 * machine: those of one subnet, or those of one name. Pure: what reaches what is told to it.
 */
#ifndef JOB_NETWORKS_H
#define JOB_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "job/machines.h"

enum { NETWORKS_MAX = 8, NETWORKS_TARGETS = 17 };

/* What the user wants. */
struct wanted {
    char interface[16]; /* auto:INTERFACE; "": none is named */
    bool by_range;      /* auto:CIDR */
    uint32_t address;   /* of it, host byte order */
    int prefix;
};

/* Is it "auto", or "auto:" and something? */
bool networks_is_auto(const char *ip_config);

/* 0, or -1 with err (EXIT_USAGE). */
int networks_parse(struct wanted *wanted, const char *ip_config, struct err *err);

/* Which of the site's links the user wants; -1: none is named, or it is not there. */
int networks_find_link(const struct site *site, const struct wanted *wanted);

struct network {
    char name[24];  /* "10.77.0.0/24" or "eth0" */
    uint32_t speed; /* of the slowest interface, Mbit/s; 0: one is not known */
    int8_t *link;   /* of each machine, among its site's */
};

struct networks {
    const struct machines *machines; /* borrowed */
    struct network items[NETWORKS_MAX];
    int n;
};

/* Finds the networks that join all machines, the fastest first; NETWORKS_MAX at most. The order of
 * the machines must not change while they are used. 0, or -1 with err (EXIT_USAGE): there is none,
 * with a table of the machines' interfaces; or the wanted one is missing on a machine. */
int networks_find(struct networks *networks, const struct machines *machines,
                  const struct wanted *wanted, struct err *err);

const struct link *networks_link(const struct networks *networks, int network, size_t machine);

/* The link of another machine in that network: of its first machine's subnet, else of the same
 * name. NULL: there is none. */
const struct link *networks_link_like(const struct networks *networks, int network,
                                      const struct site *site);

/* The machines that this one tries to reach: all others of a few; of many those 1, 2, 4 ... behind
 * it. Returns how many. */
int networks_targets(size_t machines, size_t own, size_t targets[NETWORKS_TARGETS]);

/* What one machine has found, by network. Travels as bytes. */
struct verdict {
    int32_t failed[NETWORKS_MAX]; /* how many of its targets it has not reached */
    int32_t first[NETWORKS_MAX];  /* the first of them, a machine */
    int32_t error[NETWORKS_MAX];  /* its errno */
};

/* Returns the first network on which all verdicts are good, and in why what is chosen and why; -1
 * with err (EXIT_USAGE). verdicts: one a machine; NULL: a single machine. */
int networks_choose(const struct networks *networks, const struct verdict *verdicts,
                    struct buf *why, struct err *err);

void networks_free(struct networks *networks);

#endif
