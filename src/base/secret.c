/* secret: see the header. */
#include "base/secret.h"

#include <sys/random.h>
#include <sys/types.h>

uint64_t secret_draw(void)
{
    uint64_t secret;

    return getrandom(&secret, sizeof(secret), 0) == (ssize_t)sizeof(secret) ? secret : 0;
}
