#include "train/moments.h"

enum { BLOCK = 256, LANES = 8 };

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

static double sum(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* Around the block's first value, so that large numbers close together keep their digits. */
static struct weir_moments block(const float *value, size_t count)
{
    double shift = (double)value[0], first[LANES] = {0}, second[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++) {
            double d = (double)value[i + k] - shift;
            first[k] += d;
            second[k] += d * d;
        }
    for (size_t k = 0; i < count; i++, k++) {
        double d = (double)value[i] - shift;
        first[k] += d;
        second[k] += d * d;
    }
    double n = (double)count, total = sum(first), square = sum(second) - total * total / n;
    return (struct weir_moments){n, shift + total / n, square > 0 ? square : 0};
}

struct weir_moments weir_moments_of(const float *x, const uint32_t *row, size_t rows)
{
    struct weir_moments all = {0};
    float value[BLOCK];
    for (size_t i = 0; i < rows;) {
        size_t end = rows - i < BLOCK ? rows : i + BLOCK, count = 0;
        for (; i < end; i++) {
            float v = x[row[i]];
            value[count] = v;
            count += v == v;
        }
        if (count)
            all = weir_moments_join(all, block(value, count));
    }
    return all;
}

double weir_moments_variance(struct weir_moments moments)
{
    return moments.count > 0 ? moments.square / moments.count : 0;
}
