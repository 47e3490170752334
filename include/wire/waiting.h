/* waiting: whom one machine still waits for. Plain data. */
#ifndef WIRE_WAITING_H
#define WIRE_WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "job/role.h"

enum { WAITING_MOST = 8 }; /* processes of a machine that are named; the others are counted */

struct awaited {
    int id;
    int pid;           /* 0: none */
    int port;          /* 0: none */
    int64_t silent_ms; /* without output, at the moment of packing; -1: not for long */
};

/* Servers that do not listen yet, or trainers that have not ended. */
struct waiting {
    enum role role;
    int of;   /* of this machine, in all */
    int left; /* awaited */
    int n;    /* named */
    struct awaited items[WAITING_MOST];
};

void message_pack_waiting(struct buf *out, const struct waiting *waiting);
int message_unpack_waiting(const char *data, size_t len, struct waiting *waiting); /* 0 or -1 */

#endif
