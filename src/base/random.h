/* Random numbers for training and benches: a stream of its own for each use, made from the seed and the use's number
 * (splitmix64). */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include <stdint.h>

static inline uint64_t weir_random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t weir_random_stream(uint64_t seed, uint64_t use)
{
    uint64_t state = seed, mixed = weir_random_next(&state) ^ (use + 1) * 0x632be59bd9b4e019u;
    weir_random_next(&mixed);
    return mixed;
}

/* 0 to n - 1, n < 2^32. */
static inline uint32_t weir_random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((weir_random_next(state) >> 32) * n >> 32);
}

/* [0, 1) */
static inline double weir_random_share(uint64_t *state)
{
    return (double)(weir_random_next(state) >> 11) * 0x1p-53;
}

#endif
