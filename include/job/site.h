/* site: what a rank tells about its machine, so that rank 0 can choose a network: which machine it
 * is, and its interfaces. It travels as bytes, so that it holds no pointer.
 */
#ifndef JOB_SITE_H
#define JOB_SITE_H

#include <stdbool.h>
#include <stdint.h>

enum { SITE_LINKS = 16 };

/* An interface with a primary IPv4 address, which is the one that DGL sees. */
struct link {
    char name[16];
    uint32_t address; /* host byte order */
    uint32_t speed;   /* Mbit/s; 0: not known */
    uint16_t port;    /* at which the rank listens there while networks are tried; 0: it does not */
    uint8_t prefix;   /* bits of its network */
    uint8_t down;
    uint8_t unfit; /* loopback, or a bridge for containers or virtual machines alone */
    uint8_t unused[3];
};

/* Two ranks are on one machine if the first three are the same: virtual machines may share a kernel
 * and its boot id, and clones of a machine may share a boot id. */
struct site {
    char host[65];
    uint8_t unused[3];
    int32_t n;     /* of links; those beyond SITE_LINKS are left out */
    uint64_t boot; /* of the kernel: made of its boot_id; 0: not known */
    uint64_t net;  /* the network namespace */
    struct link links[SITE_LINKS];
};

/* Looks at this machine. */
void site_look(struct site *site);

/* Ends the texts, and keeps the numbers in their ranges, of one that has come as bytes. */
void site_tidy(struct site *site);

/* Is this the name of a bridge that Docker, libvirt and their like make for themselves? */
bool site_is_unfit(const char *interface);

/* Are the two ranks on one machine? As strcmp. */
int site_compare(const struct site *a, const struct site *b);

#endif
