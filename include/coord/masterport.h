/* masterport: MASTER_PORT of one attempt, on machine 0: chosen and held.
 *
 * It is held bound and not listening. So nobody gets it by bind(0), and torch's TCPStore, which
 * sets SO_REUSEADDR, can listen on it. Any other user's program that sets SO_REUSEADDR can too: the
 * kernel compares users for SO_REUSEPORT alone, which torch does not set, and without SO_REUSEADDR
 * on our side torch could not listen either [measured]. Therefore the port is chosen late; when
 * trainer 0 then cannot listen, the keeper names the stranger who does.
 */
#ifndef COORD_MASTERPORT_H
#define COORD_MASTERPORT_H

struct masterport {
    int fd; /* -1: none */
    int port;
};

#define MASTERPORT_NONE ((struct masterport){.fd = -1})

/* 0, or -1 with errno. */
int masterport_hold(struct masterport *master);

/* Lets go of the port, if one is held. */
void masterport_release(struct masterport *master);

#endif
