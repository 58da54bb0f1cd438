/* Count, mean and spread of values: one pass, nothing cancels, and the same bits on any CPU. Any thread. */
#ifndef WEIR_TRAIN_MOMENTS_H
#define WEIR_TRAIN_MOMENTS_H

#include <stddef.h>
#include <stdint.h>

struct weir_moments {
    double count, mean, square; /* square: sum of squared distances from the mean */
};

/* Of x[row[0..rows)], no infinities, row ascending; missing values are left out. {0} of none. */
struct weir_moments weir_moments_of(const float *x, const uint32_t *row, size_t rows);
struct weir_moments weir_moments_of_plain(const float *x, const uint32_t *row, size_t rows);
struct weir_moments weir_moments_of_avx2(const float *x, const uint32_t *row, size_t rows);
struct weir_moments weir_moments_of_avx512(const float *x, const uint32_t *row, size_t rows);

/* Of both together (Chan, Golub, LeVeque 1983). */
struct weir_moments weir_moments_join(struct weir_moments a, struct weir_moments b);

/* square / count, as NumPy's var; 0 of none. */
double weir_moments_variance(struct weir_moments moments);

#endif
