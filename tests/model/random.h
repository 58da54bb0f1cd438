/* Seeded random values for tests, over base/random.h. */
#ifndef WEIR_TESTS_MODEL_RANDOM_H
#define WEIR_TESTS_MODEL_RANDOM_H

#include <math.h>
#include <stdint.h>

#include "base/random.h"

static inline unsigned random_below(uint64_t *state, unsigned n)
{
    return (unsigned)(weir_random_next(state) >> 32) % n;
}

/* In [-1, 1). */
static inline float random_float(uint64_t *state)
{
    return (float)(weir_random_next(state) >> 40) * 0x1p-23f - 1;
}

/* A value that finds mistakes: missing, infinite, a zero, a denormal, `edge` or one of its neighbours, or an ordinary number. */
static inline float random_value(uint64_t *state, float edge)
{
    switch (random_below(state, 16)) {
    case 0:
        return NAN;
    case 1:
        return INFINITY;
    case 2:
        return -INFINITY;
    case 3:
        return -0.0f;
    case 4:
        return 0.0f;
    case 5:
        return random_float(state) * 1e-40f;
    case 6:
    case 7:
        return edge;
    case 8:
        return nextafterf(edge, INFINITY);
    case 9:
        return nextafterf(edge, -INFINITY);
    default:
        return random_float(state) * 4;
    }
}

#endif
