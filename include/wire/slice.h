/* slice: a machine's part of the plan, as bytes. */
#ifndef WIRE_SLICE_H
#define WIRE_SLICE_H

#include <stddef.h>

#include "base/buf.h"
#include "job/plan.h"

/* Whole: what message_pack_common appends, and then what message_pack_own does. */
void message_pack_slice(struct buf *out, const struct slice *slice);

/* The part that all machines of a job have in common in an attempt; any machine's slice will do. */
void message_pack_common(struct buf *out, const struct slice *slice);

/* The rest. common: the slice whose common part goes with it; slice itself will do. */
void message_pack_own(struct buf *out, const struct slice *slice, const struct slice *common);

/* Takes a whole slice: both parts, one right behind the other. What comes out can be run without
 * further checks. The caller frees by slice_free. NULL: malformed, or parts of two attempts. */
struct slice *message_unpack_slice(const char *data, size_t len);

#endif
