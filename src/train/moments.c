#include "train/moments.h"

#include "base/simd.h"

struct weir_moments weir_moments_join(struct weir_moments a, struct weir_moments b)
{
    if (!(b.count > 0))
        return a;
    if (!(a.count > 0))
        return b;
    double count = a.count + b.count, difference = b.mean - a.mean;
    return (struct weir_moments){count, a.mean + difference * (b.count / count),
                                 a.square + b.square + difference * difference * (a.count * b.count / count)};
}

struct weir_moments weir_moments_of(const float *x, const uint32_t *row, size_t rows)
{
    return WEIR_SIMD_CHOOSE(weir_moments_of)(x, row, rows);
}

double weir_moments_variance(struct weir_moments moments)
{
    return moments.count > 0 ? moments.square / moments.count : 0;
}
