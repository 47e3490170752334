/* stillness: see the header. */
#include "keeper/stillness.h"

#include <unistd.h>

#include "base/clock.h"
#include "keeper/link.h"
#include "wire/pack.h"

enum {
    IDLE_PERMILLE = 30,     /* of a core, a tree: what threads use that only look now and then */
    IDLE_BYTES = 64 * 1024, /* between two looks, of all processes */
    BYTES_EVERY_MS = 10000, /* a look at bytes costs as much as ten samples */
    BYTES_PART = 4          /* of --stall_timeout, if that is less */
};

void stillness_begin(struct machine *m)
{
    m->stillness = (struct stillness){.since = clock_ms()};
}

static bool has_printed(const struct machine *m, int64_t since)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].stream >= 0 && output_heard(m->output, m->children[i].stream) > since)
            return true;
    }
    return false;
}

static bool has_computed(const struct machine *m)
{
    unsigned long long hertz = (unsigned long long)sysconf(_SC_CLK_TCK);

    for (int i = 0; i < m->n; i++) {
        unsigned long long spent_ms = m->children[i].cpu_spent * 1000 / hertz;

        if (m->children[i].running &&
            (int64_t)(spent_ms * 1000) > m->sampling.passed_ms * IDLE_PERMILLE)
            return true;
    }
    return false;
}

/* Looks only while nothing else moves; the first look cannot tell, and counts as a move. */
static bool has_moved_bytes(struct machine *m, int64_t now)
{
    struct stillness *own = &m->stillness;
    int64_t part = m->slice->stall_timeout_ms / BYTES_PART;
    uint64_t before = own->bytes, moved;
    bool first = own->next_bytes == 0;

    if (now < own->next_bytes)
        return false;
    own->next_bytes = now + (part < BYTES_EVERY_MS ? part : BYTES_EVERY_MS);
    own->bytes = sampler_moved(m->sampling.sampler);
    moved = own->bytes > before ? own->bytes - before : before - own->bytes;
    return first || moved > IDLE_BYTES;
}

static void tell(struct machine *m, bool still)
{
    struct buf data = {0};

    if (m->stillness.told == still)
        return;
    m->stillness.told = still;
    pack_u32(&data, (uint32_t)m->slice->attempt);
    pack_u32(&data, still);
    link_send(m, MESSAGE_STILL, data.data, data.len);
    buf_free(&data);
}

void stillness_look(struct machine *m, int64_t now)
{
    struct stillness *own = &m->stillness;

    if (m->slice->stall_timeout_ms <= 0 || (m->stage != STAGE_TRAINERS && m->stage != STAGE_ENDED))
        return;
    if (has_printed(m, own->since) || has_computed(m)) {
        own->next_bytes = 0;
        own->since = now;
    } else if (has_moved_bytes(m, now)) {
        own->since = now;
    }
    tell(m, now - own->since >= m->slice->stall_timeout_ms);
}
