/* ring: frames in memory that two processes share: one puts them in, the other takes them out.
 * Neither ever waits for the other. What was put in stays there when its writer dies.
 */
#ifndef KEEPER_RING_H
#define KEEPER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { RING_SIZE = 8 << 20 }; /* bytes under way at most, the frames' headers included */

struct ring;

struct ring_frame {
    uint32_t kind, file, len; /* len: of the data behind it */
};

/* Shared with every process that is forked later. NULL: there is no memory. */
struct ring *ring_make(void);

/* ---- the writer ---- */

/* False when frame and data do not fit. */
bool ring_put(struct ring *ring, const struct ring_frame *frame, const void *data);

/* Bytes for further frames. */
size_t ring_free(const struct ring *ring);

/* Bytes of that file that have not been taken out. */
size_t ring_under_way(const struct ring *ring, uint32_t file);

/* Grows with everything that was taken. */
uint64_t ring_taken(const struct ring *ring);

/* The reader is to tell when so much is free; 0: not any more. */
void ring_want(struct ring *ring, size_t bytes);

/* ---- the reader ---- */

/* The oldest frame, its data copied to the end of *data; it stays. False: there is none. */
bool ring_peek(const struct ring *ring, struct ring_frame *frame, struct buf *data);

/* Takes that frame out. True: so much is free now as the writer wanted, and it is to be told. */
bool ring_take(struct ring *ring, const struct ring_frame *frame);

#endif
