/* check: what a machine must have before anything is started on it. Reads files and /proc, and
 * makes the log folder.
 */
#ifndef COORD_CHECK_H
#define COORD_CHECK_H

#include "base/err.h"
#include "coord/announce.h"
#include "job/plan.h"

/* Workspace there; its ip_config and part_config the same bytes as rank 0's; the files of this
 * machine's partition readable; no server port of ours in LISTEN; the log folder can be made. When
 * the log folder cannot be made and slice->log_required is 0, log_dir is dropped with a warning.
 * 0, or -1 with err (EXIT_MACHINE): what, where, and the remedy. */
int check_machine(struct slice *slice, const struct announce *announce, struct err *err);

#endif
