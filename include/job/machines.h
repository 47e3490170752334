/* machines: which ranks are on one machine, and in which order the machines count. Pure. */
#ifndef JOB_MACHINES_H
#define JOB_MACHINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "job/site.h"

/* In the order in which the partition has them. */
struct machines {
    size_t n;
    size_t n_spare;            /* behind those n, that are to stay idle */
    int *ranks;                /* the lowest rank of each */
    const struct site **sites; /* that rank's; borrowed */
};

/* Finds the machines of n ranks, in the order of their lowest ranks. Sites are borrowed until
 * machines_free. */
void machines_find(struct machines *machines, const struct site *sites, size_t n);

/* Puts them into the order of a comma list of host names, and those that it leaves out behind them.
 * 0, or -1 with err (EXIT_USAGE): a name of nobody, one twice, one of several machines, or, unless
 * some_may_lack, a machine that is not named. */
int machines_order(struct machines *machines, const char *names, bool some_may_lack,
                   struct err *err);

void machines_free(struct machines *machines);

#endif
