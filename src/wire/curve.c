/* curve: thins itself: when it is full, each two moments become one, and each later moment holds
 * twice as many samples.
 */
#include "wire/curve.h"

#include <stdlib.h>

#include "base/mem.h"
#include "wire/field.h"

#define OF_MOMENT(member, min) FIELD_OF(FIELD_NUMBER, struct moment, member, min, FIELD_LARGEST)

enum { MOMENT_SIZE = 40 }; /* bytes, packed */

static const struct field moment_fields[] = {
    OF_MOMENT(at_ms, 0),     OF_MOMENT(cpu_permille, 0), OF_MOMENT(private_kb, 0),
    OF_MOMENT(memory_kb, 0), OF_MOMENT(shm_kb, 0),
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Takes `later` into *into, which holds `have` of `of` parts of what both will hold. */
static void join(struct moment *into, const struct moment *later, int have, int of)
{
    into->at_ms = later->at_ms;
    into->cpu_permille = (into->cpu_permille * have + later->cpu_permille * (of - have)) / of;
    into->private_kb = larger(into->private_kb, later->private_kb);
    into->memory_kb = larger(into->memory_kb, later->memory_kb);
    into->shm_kb = larger(into->shm_kb, later->shm_kb);
}

static void halve(struct curve *curve)
{
    for (size_t i = 0; i < (size_t)curve->n / 2; i++) {
        curve->moments[i] = curve->moments[2 * i];
        join(&curve->moments[i], &curve->moments[2 * i + 1], 1, 2);
    }
    curve->n /= 2;
    curve->each *= 2;
}

void curve_add(struct curve *curve, const struct moment *sample)
{
    if (!curve->moments) {
        curve->moments = mem_calloc(CURVE_MOST, sizeof(*curve->moments));
        curve->each = 1;
    }
    if (curve->have == 0 && curve->n == CURVE_MOST)
        halve(curve);
    if (curve->have == 0)
        curve->moments[curve->n++] = *sample;
    else
        join(&curve->moments[curve->n - 1], sample, curve->have, curve->have + 1);
    curve->have = (curve->have + 1) % curve->each;
}

void curve_free(struct curve *curve)
{
    free(curve->moments);
    *curve = (struct curve){0};
}

void pack_curve(struct buf *out, const struct curve *curve)
{
    pack_u32(out, (uint32_t)curve->n);
    for (int i = 0; i < curve->n; i++)
        FIELD_PACK(out, &curve->moments[i], moment_fields);
}

void unpack_curve(struct unpack *u, struct curve *curve)
{
    uint32_t n = unpack_count(u, MOMENT_SIZE);

    u->bad |= n > CURVE_MOST;
    if (u->bad || n == 0)
        return;
    curve->moments = mem_calloc(n, sizeof(*curve->moments));
    while (curve->n < (int)n && !u->bad)
        FIELD_UNPACK(u, &curve->moments[curve->n++], moment_fields);
}
