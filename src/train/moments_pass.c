/* The passes over values, compiled for each instruction set (model/vector.h names them): 8 lanes at any width. */
#include <stdbool.h>

#include "model/vector.h"
#include "train/moments.h"

enum { BLOCK = 256, LANES = 8 };

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

struct weir_moments WEIR_VARIANT_OF(weir_moments_of)(const float *x, const uint32_t *row, size_t rows)
{
    struct weir_moments all = {0};
    float value[BLOCK];
    for (size_t i = 0; i < rows; i += BLOCK) {
        size_t some = rows - i < BLOCK ? rows - i : BLOCK, count = 0;
        bool together = row[i + some - 1] - row[i] == some - 1;
        const float *from = together ? x + row[i] : value;
        for (size_t k = 0; k < some && !together; k++)
            value[k] = x[row[i + k]];
        struct weir_moments mine = block(from, some);
        if (mine.mean != mine.mean) { /* some are missing */
            for (size_t k = 0; k < some; k++) {
                float v = from[k];
                value[count] = v;
                count += v == v;
            }
            mine = count ? block(value, count) : (struct weir_moments){0};
        }
        all = weir_moments_join(all, mine);
    }
    return all;
}
