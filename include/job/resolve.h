/* resolve: host names to IPv4 addresses. */
#ifndef JOB_RESOLVE_H
#define JOB_RESOLVE_H

#include <stdint.h>

#include "base/err.h"

/* Asks the system (/etc/hosts, DNS) for the name's first address that is not of loopback, host byte
 * order. May wait for a name server, under the caller's watchdog. 0, or -1 with why: a sentence's
 * end that says what is wrong, and the remedy. A hosts_resolver. */
int resolve_name(const char *name, uint32_t *address, struct err *why);

#endif
