/* silence: for how long somebody who should give signs of life has given none. Pure: the caller
 * tells the time.
 */
#ifndef BASE_SILENCE_H
#define BASE_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

struct silence {
    int64_t timeout_ms; /* 0: off */
    int64_t heard;      /* when the last sign came */
    int64_t looked;     /* when silence_is_over was last asked */
};

/* Begins now. timeout_ms: how long silence is borne; 0: for ever. */
void silence_start(struct silence *s, int64_t timeout_ms, int64_t now);

/* A sign came. */
void silence_heard(struct silence *s, int64_t now);

/* Has silence lasted longer than the timeout? If this process has not asked for half the timeout
 * (it was stopped, or the machine slept), it could not hear, and silence begins anew. */
bool silence_is_over(struct silence *s, int64_t now);

/* Has silence lasted longer than half the timeout? */
bool silence_is_long(const struct silence *s, int64_t now);

/* The time by which silence_is_over must be asked again; CLOCK_NEVER when timeout_ms is 0. */
int64_t silence_next_look(const struct silence *s);

/* Milliseconds between two signs of the other side: a quarter of the timeout, at most 5 s. */
int64_t silence_sign_every(const struct silence *s);

#endif
