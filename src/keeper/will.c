/* will: see the header. */
#include "keeper/will.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { RINGINGS = 10, EVERY_MS = 100 };

static void forget(struct will *will)
{
    free(will->heirs);
    if (will->fd >= 0)
        close(will->fd);
    *will = (struct will){.fd = -1, .next = CLOCK_NEVER};
}

void will_free(struct machine *m)
{
    forget(&m->will);
}

int will_take(struct machine *m, struct unpack *payload)
{
    struct will *will = &m->will;

    forget(will);
    will->ringing = (struct ringing){.key = (uint64_t)unpack_i64(payload),
                                     .word = (uint64_t)unpack_i64(payload),
                                     .rank = unpack_u32(payload),
                                     .what = RINGING_DEATH};
    will->n = payload->left / (2 * sizeof(uint32_t));
    will->heirs = mem_calloc(will->n + 1, sizeof(*will->heirs));
    for (size_t i = 0; i < will->n; i++) {
        will->heirs[i].address = unpack_u32(payload);
        will->heirs[i].port = (int)unpack_u32(payload);
        payload->bad |= will->heirs[i].port < 1 || will->heirs[i].port > UINT16_MAX;
    }
    return payload->bad || payload->left ? -1 : 0;
}

void will_open(struct machine *m)
{
    struct will *will = &m->will;

    if (will->n == 0 || will->ringing.word == 0 || will->fd >= 0)
        return;
    will->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    will->left = will->fd < 0 ? 0 : RINGINGS;
    will->next = 0;
    will_tick(m, clock_ms());
}

void will_tick(struct machine *m, int64_t now)
{
    struct will *will = &m->will;

    if (now < will->next)
        return;
    if (will->left-- <= 0) {
        forget(will);
        return;
    }
    for (size_t i = 0; i < will->n; i++)
        ringing_send(will->fd, will->heirs[i].address, will->heirs[i].port, &will->ringing);
    will->next = now + EVERY_MS;
}

int64_t will_deadline(const struct machine *m)
{
    return m->will.next;
}
