/* slice: a machine's part of the plan, as bytes. */
#ifndef WIRE_SLICE_H
#define WIRE_SLICE_H

#include <stddef.h>

#include "base/buf.h"
#include "job/plan.h"

void message_pack_slice(struct buf *out, const struct slice *slice);

/* What comes out can be run without further checks. The caller frees by slice_free. NULL:
 * malformed.
 */
struct slice *message_unpack_slice(const char *data, size_t len);

#endif
