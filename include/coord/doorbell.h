/* doorbell: wakes up another coordinator. MPI gives no descriptor to wait on, so that a rank looks
 * for messages from time to time. Whoever sends one rings as well: a datagram of 16 bytes (UDP),
 * which poll(2) sees. It says nothing but "look now". A datagram that is lost, forged or forbidden
 * by a firewall costs time alone: the rank looks a little later.
 */
#ifndef COORD_DOORBELL_H
#define COORD_DOORBELL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct doorbell {
    int fd;             /* -1: there is none */
    int port;           /* 0: there is none */
    uint64_t key;       /* of this job; another ringing is not heard */
    int64_t deaf_until; /* after strangers have rung; clock_ms */
};

/* A ringing, as it travels; both ends are of one build. */
struct ringing {
    uint64_t key;
    uint32_t rank; /* who rings; any number may stand here */
    uint32_t gate; /* 1: a gate has been entered, 0: a message was sent */
};

/* Opens one at this address of this machine (host byte order). If that cannot be, or key is 0,
 * there is none. */
void doorbell_open(struct doorbell *bell, uint32_t address, uint64_t key);

void doorbell_close(struct doorbell *bell);

/* An entry for poll(2); its fd is -1 while the doorbell is not listened to. */
struct pollfd doorbell_poll(const struct doorbell *bell, int64_t now);

/* Rings at another machine's, in the name of this rank. Never waits. */
void doorbell_ring(const struct doorbell *bell, uint32_t address, int port, int rank, bool gate);

/* Takes one ringing. False: there is none. */
bool doorbell_hear(struct doorbell *bell, int64_t now, struct ringing *ringing);

/* Hears nothing for a moment, since it rings too often. */
void doorbell_be_deaf(struct doorbell *bell, int64_t now);

#endif
