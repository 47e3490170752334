/* masterport: MASTER_PORT of one attempt, on machine 0: chosen, held, and watched for a stranger.
 *
 * It is held bound and not listening. So nobody gets it by bind(0), and torch's TCPStore, which
 * sets SO_REUSEADDR, can listen on it. Any other user's program that sets SO_REUSEADDR can too: the
 * kernel compares users for SO_REUSEPORT alone, which torch does not set, and without SO_REUSEADDR
 * on our side torch could not listen either [measured]. Therefore the port is chosen late, and a
 * stranger who listens on it is named.
 */
#ifndef COORD_MASTERPORT_H
#define COORD_MASTERPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct masterport {
    int fd; /* -1: none */
    int port;
    int64_t look_at, looks_end; /* for strangers */
};

#define MASTERPORT_NONE ((struct masterport){.fd = -1})

/* 0, or -1 with errno. */
int masterport_hold(struct masterport *master, int64_t now);

/* Lets go of the port, if one is held. */
void masterport_release(struct masterport *master);

/* Has a process of another user, not below top, come to listen on it? Looks four times a second in
 * the first minute. *uid: who. */
bool masterport_is_taken(struct masterport *master, pid_t top, int64_t now, unsigned *uid);

#endif
