/* silence: how long nothing has come from somebody who is to give a sign of life. Pure: is told the
 * time.
 */
#ifndef BASE_SILENCE_H
#define BASE_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

struct silence {
    int64_t timeout_ms; /* 0: off */
    int64_t heard;      /* when something last came */
    int64_t looked;     /* when silence_is_over was last asked */
};

/* From now on. timeout_ms: how long silence is borne; 0: for ever. */
void silence_start(struct silence *s, int64_t timeout_ms, int64_t now);

/* Something came. */
void silence_heard(struct silence *s, int64_t now);

/* Has it lasted longer than the timeout? When this process itself did not ask for half the timeout
 * (it was stopped, the machine slept), it could not hear either, and silence begins anew. */
bool silence_is_over(struct silence *s, int64_t now);

/* Has it lasted for more than half the timeout? */
bool silence_is_long(const struct silence *s, int64_t now);

/* When silence_is_over wants to be asked again at the latest; CLOCK_NEVER where it is off. */
int64_t silence_next_look(const struct silence *s);

/* How often the other side is to give a sign: each quarter of the timeout, at most 5 s; ms. */
int64_t silence_sign_every(const struct silence *s);

#endif
