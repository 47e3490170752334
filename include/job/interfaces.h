/* interfaces: the IPv4 addresses of this machine. Private to placement.
 */
#ifndef JOB_INTERFACES_H
#define JOB_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct interface {
    char name[16];
    uint32_t address; /* host byte order */
    bool primary;     /* what SIOCGIFADDR tells, and so what DGL sees */
    bool down;        /* nothing reaches it */
};

/* All addresses, primary ones first, newly allocated; NULL with *n 0 when there is none. The caller
 * frees. */
struct interface *interfaces_list(size_t *n);

#endif
