/* random: a seeded generator and random plain data for property tests; the same on every run. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"

/* xorshift64; *state must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 0 <= result < limit */
static inline int random_below(uint64_t *state, int limit)
{
    return (int)((random_next(state) >> 11) % (uint64_t)limit);
}

/* Up to 40 bytes of any value but NUL, sometimes "". */
static inline char *random_text(uint64_t *state)
{
    int len = random_below(state, 41);
    char *text = mem_calloc((size_t)len + 1, 1);

    for (int i = 0; i < len; i++)
        text[i] = (char)(1 + random_below(state, 255));
    return text;
}

static inline char *random_text_or_null(uint64_t *state)
{
    return random_below(state, 4) ? random_text(state) : NULL;
}

static inline void random_strv(uint64_t *state, struct strv *v, int most)
{
    for (int n = random_below(state, most + 1); n > 0; n--) {
        char *text = random_text(state);

        strv_add(v, text);
        free(text);
    }
}

static inline void random_env(uint64_t *state, struct strv *v, int most)
{
    for (int n = random_below(state, most + 1); n > 0; n--) {
        char *text = random_text(state);

        strv_addf(v, "NAME_%d=%s", n, text);
        free(text);
    }
}

/* Changes one to four things in the bytes: a bit, a byte, a 32-bit length, the end. */
static inline void random_mutate(uint64_t *state, struct buf *b)
{
    static const uint32_t odd[] = {0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};

    for (int n = 1 + random_below(state, 4); n > 0 && b->len >= 4; n--) {
        size_t at = random_next(state) % (b->len - 3);

        switch (random_below(state, 4)) {
        case 0: b->data[at] = (char)(b->data[at] ^ (1 << random_below(state, 8))); break;
        case 1: b->data[at] = (char)random_below(state, 256); break;
        case 2:
            for (int i = 0; i < 4; i++)
                b->data[at + (size_t)i] = (char)(odd[at % 6] >> (8 * i));
            break;
        default: b->len -= random_next(state) % 4; break;
        }
    }
}

#endif
