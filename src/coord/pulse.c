/* pulse: the heartbeat between neighbours, as arithmetic on times. Sends nothing itself. */
#include "coord/pulse.h"

enum { BEAT_MAX_MS = 5000 };

static int64_t beat_every(const struct pulse *pulse)
{
    int64_t every = pulse->timeout_ms / 4;

    return every < 1 ? 1 : every > BEAT_MAX_MS ? BEAT_MAX_MS : every;
}

void pulse_start(struct pulse *pulse, int rank, int size, int64_t timeout_ms, int64_t now)
{
    pulse->n = peers_links(rank, size, pulse->links);
    pulse->timeout_ms = timeout_ms;
    pulse->next_beat = now;
    pulse->last_look = now;
    for (int i = 0; i < pulse->n; i++)
        pulse->heard[i] = now;
}

void pulse_heard(struct pulse *pulse, int from, int64_t now)
{
    for (int i = 0; i < pulse->n; i++)
        if (pulse->links[i] == from)
            pulse->heard[i] = now;
}

bool pulse_beat_due(struct pulse *pulse, int64_t now)
{
    if (!pulse->timeout_ms || now < pulse->next_beat)
        return false;
    pulse->next_beat = now + beat_every(pulse);
    return true;
}

int pulse_lost(struct pulse *pulse, int64_t now)
{
    bool was_away = now - pulse->last_look > pulse->timeout_ms / 2;

    pulse->last_look = now;
    if (!pulse->timeout_ms)
        return -1;
    for (int i = 0; i < pulse->n; i++) {
        if (was_away)
            pulse->heard[i] = now;
        else if (now - pulse->heard[i] > pulse->timeout_ms)
            return pulse->links[i];
    }
    return -1;
}
