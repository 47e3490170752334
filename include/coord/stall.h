/* stall: rank 0's look whether the job stands still: no machine's processes have moved for
 * --stall_timeout, or some trainers have ended well and the others have not for so long.
 */
#ifndef COORD_STALL_H
#define COORD_STALL_H

#include "coord/root.h"

/* The processes of rank `from` have stood still for --stall_timeout, or move again. */
void root_still(struct root *root, int from, bool still);

/* Does it stand still, so that all are to be asked what they do? Once each time. */
bool root_stalls(struct root *root, int64_t now);

/* All have told what they do: says who is the odd one out. Returns the cause by which the job is to
 * end, for coord_fail, or NULL: it goes on. */
struct cause *root_tell_stall(struct root *root, int64_t now);

#endif
