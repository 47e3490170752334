/* pulse: the heartbeat between neighbours, as arithmetic on times. Sends nothing itself. */
#include "coord/pulse.h"

void pulse_start(struct pulse *pulse, int rank, int size, int64_t timeout_ms, int64_t now)
{
    pulse->n = tree_links(rank, size, pulse->links);
    pulse->timeout_ms = timeout_ms;
    pulse->next_beat = now;
    for (int i = 0; i < pulse->n; i++)
        silence_start(&pulse->silence[i], timeout_ms, now);
}

int pulse_link(const struct pulse *pulse, int rank)
{
    for (int i = 0; i < pulse->n; i++)
        if (pulse->links[i] == rank)
            return i;
    return -1;
}

void pulse_heard(struct pulse *pulse, int from, int64_t now)
{
    int link = pulse_link(pulse, from);

    if (link >= 0)
        silence_heard(&pulse->silence[link], now);
}

bool pulse_beat_due(struct pulse *pulse, int64_t now)
{
    if (!pulse->timeout_ms || !pulse->n || now < pulse->next_beat)
        return false;
    pulse->next_beat = now + silence_sign_every(&pulse->silence[0]);
    return true;
}

/* Looks at all links, since each look also notes that this rank was awake. */
int pulse_lost(struct pulse *pulse, int64_t now)
{
    int lost = -1;

    for (int i = pulse->n; i-- > 0;)
        if (silence_is_over(&pulse->silence[i], now))
            lost = i;
    return lost;
}

int pulse_silent(const struct pulse *pulse, int64_t now, int silent[TREE_LINKS_MAX])
{
    int n = 0;

    for (int i = 0; i < pulse->n; i++)
        if (silence_is_long(&pulse->silence[i], now))
            silent[n++] = i;
    return n;
}
