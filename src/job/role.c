/* role: the names that stand in prefixes, log names and reports. */
#include "job/role.h"

const char *role_name(enum role role)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_SERVER] = "server",
        [ROLE_SAMPLER] = "sampler",
        [ROLE_TRAINER] = "trainer",
        [ROLE_LAUNCHER] = "launcher",
    };

    return (unsigned)role < ROLE_COUNT ? names[role] : "?";
}
