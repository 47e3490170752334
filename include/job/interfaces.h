/* interfaces: the IPv4 addresses of this machine. Private to placement. */
#ifndef JOB_INTERFACES_H
#define JOB_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interface {
    char name[16];
    uint32_t address; /* host byte order */
    bool primary;     /* the one that SIOCGIFADDR tells, and DGL sees */
    bool down;        /* nothing reaches it */
    int prefix;       /* bits of a primary one's network */
};

/* All addresses, primary ones first; the caller frees them. NULL, and *n is 0, when there is none.
 */
struct interface *interfaces_list(size_t *n);

#endif
