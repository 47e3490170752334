/* ring: two counters that only grow, each written by one side, and bytes that wrap around. */
#include "keeper/ring.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { FILES = 4096 }; /* files whose numbers differ by this many count as one */

struct ring {
    _Atomic uint64_t put, taken; /* bytes, since the beginning */
    _Atomic size_t wanted;
    _Atomic size_t under_way[FILES];
    char bytes[RING_SIZE];
};

struct ring *ring_make(void)
{
    void *memory = mmap(NULL, sizeof(struct ring), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static size_t size_of(const struct ring_frame *frame)
{
    return sizeof(*frame) + frame->len;
}

static void copy_in(struct ring *ring, uint64_t at, const void *data, size_t len)
{
    size_t from = at % RING_SIZE;
    size_t first = len < RING_SIZE - from ? len : RING_SIZE - from;

    memcpy(ring->bytes + from, data, first);
    memcpy(ring->bytes, (const char *)data + first, len - first);
}

static void copy_out(const struct ring *ring, uint64_t at, void *data, size_t len)
{
    size_t from = at % RING_SIZE;
    size_t first = len < RING_SIZE - from ? len : RING_SIZE - from;

    memcpy(data, ring->bytes + from, first);
    memcpy((char *)data + first, ring->bytes, len - first);
}

size_t ring_free(const struct ring *ring)
{
    return RING_SIZE - (size_t)(atomic_load(&ring->put) - atomic_load(&ring->taken));
}

size_t ring_under_way(const struct ring *ring, uint32_t file)
{
    return atomic_load(&ring->under_way[file % FILES]);
}

bool ring_put(struct ring *ring, const struct ring_frame *frame, const void *data)
{
    uint64_t at = atomic_load(&ring->put);

    if (size_of(frame) > ring_free(ring))
        return false;
    atomic_fetch_add(&ring->under_way[frame->file % FILES], size_of(frame));
    copy_in(ring, at, frame, sizeof(*frame));
    if (frame->len > 0)
        copy_in(ring, at + sizeof(*frame), data, frame->len);
    atomic_store(&ring->put, at + size_of(frame));
    return true;
}

uint64_t ring_taken(const struct ring *ring)
{
    return atomic_load(&ring->taken);
}

void ring_want(struct ring *ring, size_t bytes)
{
    atomic_store(&ring->wanted, bytes);
}

bool ring_peek(const struct ring *ring, struct ring_frame *frame, struct buf *data)
{
    uint64_t at = atomic_load(&ring->taken);

    if (atomic_load(&ring->put) == at)
        return false;
    copy_out(ring, at, frame, sizeof(*frame));
    copy_out(ring, at + sizeof(*frame), buf_reserve(data, frame->len), frame->len);
    data->len += frame->len;
    return true;
}

bool ring_take(struct ring *ring, const struct ring_frame *frame)
{
    size_t wanted;

    atomic_fetch_sub(&ring->under_way[frame->file % FILES], size_of(frame));
    atomic_fetch_add(&ring->taken, size_of(frame));
    wanted = atomic_load(&ring->wanted);
    return wanted > 0 && ring_free(ring) >= wanted &&
           atomic_compare_exchange_strong(&ring->wanted, &wanted, 0);
}
