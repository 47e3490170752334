/* regrouping: how the ranks go on without a machine that is lost. Plain data. */
#ifndef WIRE_REGROUPING_H
#define WIRE_REGROUPING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Where a machine's servers are. */
struct place {
    uint32_t address; /* host byte order */
    int port;         /* of its first server */
};

struct regrouping {
    int attempt;          /* that begins then */
    int n;                /* coordinators */
    int *members;         /* their numbers in the whole world, by rank; owned */
    int rank;             /* whose place a spare rank takes */
    int machine;          /* the same, as a line of ip_config */
    struct place *places; /* by machine; owned */
};

void message_pack_regrouping(struct buf *out, const struct regrouping *r);

/* 0, or -1 when the bytes are malformed. *r is to be cleared in both cases. */
int message_unpack_regrouping(const char *data, size_t len, struct regrouping *r);

void regrouping_clear(struct regrouping *r);

#endif
