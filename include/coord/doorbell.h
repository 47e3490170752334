/* doorbell: wakes up another coordinator. MPI gives no descriptor to wait on, so that a rank looks
 * for messages from time to time. Whoever sends one rings as well: a datagram (UDP),
 * which poll(2) sees. It says "look now", or, when a keeper sends it, that its rank has died. One
 * that is lost or forbidden by a firewall costs time alone: the rank looks a little later. So does
 * one that is forged, unless who forges it has read MPI's traffic, where ranks tell their
 * neighbours their last words.
 */
#ifndef COORD_DOORBELL_H
#define COORD_DOORBELL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/ringing.h"

struct doorbell {
    int fd;             /* -1: there is none */
    int port;           /* 0: there is none */
    uint64_t key;       /* of this job; another ringing is not heard */
    uint64_t ask_key;   /* for RINGING_ASK alone, which others may know; 0: not heard */
    int64_t deaf_until; /* after strangers have rung; clock_ms */
};

/* Opens one at this address of this machine (host byte order). If that cannot be, or key is 0,
 * there is none. */
void doorbell_open(struct doorbell *bell, uint32_t address, uint64_t key);

void doorbell_close(struct doorbell *bell);

/* An entry for poll(2); its fd is -1 while the doorbell is not listened to. */
struct pollfd doorbell_poll(const struct doorbell *bell, int64_t now);

/* Rings at another machine's, in the name of this rank. what: MESSAGE or GATE. Never waits. */
void doorbell_ring(const struct doorbell *bell, uint32_t address, int port, int rank,
                   enum ringing_what what);

/* Takes one ringing. False: there is none. */
bool doorbell_hear(struct doorbell *bell, int64_t now, struct ringing *ringing);

/* Hears nothing for a moment, since it rings too often. */
void doorbell_be_deaf(struct doorbell *bell, int64_t now);

#endif
