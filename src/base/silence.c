/* silence: arithmetic on the times of signs. */
#include "base/silence.h"

#include "base/clock.h"

enum { SIGN_MAX_MS = 5000 };

void silence_start(struct silence *s, int64_t timeout_ms, int64_t now)
{
    *s = (struct silence){.timeout_ms = timeout_ms, .heard = now, .looked = now};
}

void silence_heard(struct silence *s, int64_t now)
{
    s->heard = now;
}

bool silence_is_over(struct silence *s, int64_t now)
{
    bool was_away = now - s->looked > s->timeout_ms / 2;

    s->looked = now;
    if (was_away)
        s->heard = now;
    return s->timeout_ms && now - s->heard > s->timeout_ms;
}

bool silence_is_long(const struct silence *s, int64_t now)
{
    return s->timeout_ms && now - s->heard > s->timeout_ms / 2;
}

int64_t silence_sign_every(const struct silence *s)
{
    int64_t every = s->timeout_ms / 4;

    return every < 1 ? 1 : every > SIGN_MAX_MS ? SIGN_MAX_MS : every;
}

int64_t silence_next_look(const struct silence *s)
{
    return s->timeout_ms ? s->looked + silence_sign_every(s) : CLOCK_NEVER;
}
