/* ringing: the datagram that arrives at a rank's doorbell (coord/doorbell.h), and who sends it.
 * Both ends are of one build, so that the struct travels as it is.
 */
#ifndef WIRE_RINGING_H
#define WIRE_RINGING_H

#include <stdint.h>

enum ringing_what {
    RINGING_MESSAGE, /* a message was sent: look now */
    RINGING_GATE,    /* a gate was entered: look now */
    RINGING_DEATH,   /* the rank has died: its keeper says so */
    RINGING_ASK      /* to rank 0: somebody wants to know what all processes do */
};

struct ringing {
    uint64_t key;  /* of this job; another ringing is not heard */
    uint64_t word; /* RINGING_DEATH: the rank's last word, which only its neighbours know; else 0 */
    uint32_t rank; /* who rings; any number may stand here */
    uint32_t what; /* enum ringing_what; any number may stand here */
};

/* Sends one to an IPv4 address (host byte order), from any UDP socket. Never waits; one that is
 * lost is not sent again. */
void ringing_send(int fd, uint32_t address, int port, const struct ringing *ringing);

#endif
