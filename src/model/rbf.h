/* Radial basis functions of many pairs of points: 2^-|x - s|^2 / 2, and sums of them.
 *
 * The points s are packed with one lane each, 32 to a block, so that rows x come one at a time or thousands together with the
 * same bits. A value is computed in float32: as 2^(x s - (|x|^2 + |s|^2) / 2), one operation a column, where the points' squares
 * are small enough that nothing is lost by it, else from the differences. 2^ is a polynomial of our own. Sums are in float32
 * over a few values, in float64 across those, all in a fixed order.
 *
 * rbf.c is compiled for each instruction set (vector.h); all give the same bits. Pure functions; any thread.
 */
#ifndef WEIR_MODEL_RBF_H
#define WEIR_MODEL_RBF_H

#include <stdbool.h>
#include <stddef.h>

enum {
    WEIR_RBF_LANES = 32,  /* points of a block */
    WEIR_RBF_POINTS = 512 /* points of a pack, at most: they stay in the second cache */
};

/* Most of |s|^2 / 2 for the quick way: the error of an exponent is then below 1e-3 between two points out there, 1e-6 for usual
 * ones. */
#define WEIR_RBF_NEAR 2048.0f

/* Most of a coordinate: no sum overflows. */
#define WEIR_RBF_MOST 1e15f

struct weir_rbf_pack {
    size_t columns, points, blocks;
    bool near;   /* the quick way is good enough */
    float *z;    /* [blocks][columns][32], 64-byte aligned; lanes without a point are 0 */
    float *half; /* [blocks][32] |s|^2 / 2; 64-byte aligned */
};

/* Floats of z and of half. */
static inline size_t weir_rbf_blocks(size_t points)
{
    return (points + WEIR_RBF_LANES - 1) / WEIR_RBF_LANES;
}

/* |x|^2 / 2, as the packs have it. */
float weir_rbf_half(const float *x, size_t columns);

/* Fills z and half, which are there, from points * columns floats, row-major. pack->near is the caller's. */
void weir_rbf_fill(struct weir_rbf_pack *pack, const float *point);

/* out[r * stride + i] of row r and point i, all 32 * blocks lanes. x: row-major, half: [rows] weir_rbf_half. */
typedef void weir_rbf_matrix(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows, float *out,
                             size_t stride);

/* sum[r * stride + g] += the sum over the points of coef[g * 512 + i] * value. points <= 512; coefficients of lanes without a
 * point, up to a multiple of 64, are 0. */
typedef void weir_rbf_sum(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows, const float *coef,
                          size_t groups, double *sum, size_t stride);

/* sum[i] += the sum over the rows of coef[r] * value, for all lanes i = 0 to 32 * blocks - 1: of many points and few rows. rows:
 * a multiple of 8 (coefficients may be 0); sum: 64-byte aligned. Adds in another order than weir_rbf_sum. */
typedef void weir_rbf_add(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows, const float *coef,
                          double *sum);

weir_rbf_matrix weir_rbf_matrix_plain, weir_rbf_matrix_avx2, weir_rbf_matrix_avx512;
weir_rbf_sum weir_rbf_sum_plain, weir_rbf_sum_avx2, weir_rbf_sum_avx512;
weir_rbf_add weir_rbf_add_plain, weir_rbf_add_avx2, weir_rbf_add_avx512;

#endif
