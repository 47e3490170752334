/* root_phases: the phases of an attempt at rank 0: servers, trainers, drain, stop; a line for each
 * when it begins, and now and then whom it waits for.
 */
#ifndef COORD_ROOT_PHASES_H
#define COORD_ROOT_PHASES_H

#include <stdbool.h>

#include "coord/root.h"

/* None has begun. */
void root_begin_phases(struct root *root);
bool root_has_begun(const struct root *root, enum stage stage);

/* The phase that runs ends now. */
void root_end_phases(struct root *root);

/* It waits from now on: whom, is said after 10 s, and then ever more seldom. */
void root_await_anew(struct root *root, int64_t now);

/* How many processes all machines wait for (servers, then trainers); *of: of how many. */
int root_awaited(const struct root *root, int *of);

/* Says whom the job waits for, when that is due. */
void root_tell_awaited(struct root *root, int64_t now);

#endif
