/* foreign: connections to this machine's servers that come from no machine of the job.
 */
#ifndef COORD_FOREIGN_H
#define COORD_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

enum { FOREIGN_MOST = 8 /* addresses that a machine tells */ };

/* Connections to this machine's servers from elsewhere. */
struct foreign {
    uint32_t *hosts; /* the addresses of ip_config, sorted; NULL: not looked at yet */
    size_t n_hosts;
    uint32_t told[FOREIGN_MOST];
    int n_told;
    int64_t next, pause; /* 0: not yet */
};

struct coord;

/* While servers listen: tells rank 0 of each such address once. It looks often at first, then each
 * minute. */
void coord_look_for_foreign(struct coord *c, int64_t now);

/* Tells the keeper the addresses of all machines. */
void coord_tell_machines(struct coord *c);

#endif
