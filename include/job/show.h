/* show: of which processes the console shows the output (--show). */
#ifndef JOB_SHOW_H
#define JOB_SHOW_H

#include <stdbool.h>

#include "base/err.h"
#include "job/role.h"

/* Is list "none", or a comma list of ROLE, ROLE:ID and ROLE:FIRST-LAST, of the roles server,
 * sampler and trainer? 0, or -1 with err (EXIT_USAGE). */
int show_check(const char *list, struct err *err);

/* Does such a list have that process? NULL: it has all. */
bool show_has(const char *list, enum role role, int id);

#endif
