/* awaited: whom a machine waits for, in words. */
#ifndef REPORT_AWAITED_H
#define REPORT_AWAITED_H

#include <stdint.h>

#include "base/buf.h"
#include "wire/waiting.h"

/* "server 1 on vm1 (port 30051); trainer 2 on vm1 (pid 4711), silent for 65 s; and 3 more on vm1".
 * host may be NULL. since_ms: the age of the message. */
void report_awaited(struct buf *out, const struct waiting *waiting, const char *host,
                    int64_t since_ms);

#endif
