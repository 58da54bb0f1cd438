/* Products of rows with a matrix: what a multilayer perceptron is trained and scored with, and what linear support vectors are.
 *
 * The file matrix.c is compiled once for each instruction set (vector.h). A vector's lane is one number of the result and its sum
 * has the order of the summed index, each step fused: all variants give the same bits, as do rows together and one by one. Rows
 * are given by pointers, so that nobody copies them together. Pure functions; any thread.
 */
#ifndef WEIR_MODEL_MATRIX_H
#define WEIR_MODEL_MATRIX_H

#include <stddef.h>
#include <stdint.h>

enum { WEIR_MATRIX_LANES = 16 }; /* widths are multiples of it, matrices and results aligned to 64 bytes */

static inline size_t weir_matrix_width(size_t count)
{
    return (count + WEIR_MATRIX_LANES - 1) / WEIR_MATRIX_LANES * WEIR_MATRIX_LANES;
}

struct weir_matrix_kernels {
    /* out[r][j] += sum over k of x[r][k] * w[k][j]; k < depth, j < width, [][] with `width` numbers a row. ahead: rows to be
     * fetched meanwhile, or NULL. */
    void (*product)(const float *const *x, size_t rows, size_t depth, const float *w, size_t width, float *out,
                    const float *const *ahead);
    /* The same where many x are 0: bit k % 64 of some[r][k / 64] says that x[r][k] is not. w is finite. */
    void (*sparse)(const float *const *x, const uint64_t *const *some, size_t rows, size_t depth, const float *w, size_t width,
                   float *out, const float *const *ahead);
    /* g[k][j] += sum over r of x[r][k] * e[r][j]. */
    void (*outer)(const float *const *x, const float *const *e, size_t rows, size_t depth, size_t width, float *g);
    /* h[k][j] += sum over r of x[r][k] * x[r][j] in float64, for j >= k (and some more); k < depth, j < width. */
    void (*gram)(const float *const *x, size_t rows, size_t depth, size_t width, double *h);
    /* out[r] = sum over k of x[r * stride + k] * w[k] in float64, k < stride, a multiple of WEIR_MATRIX_LANES; x and w aligned.
     */
    void (*dots)(const float *x, size_t rows, size_t stride, const double *w, double *out);
    /* sum[k] += the same x times share[r]; rows whose share is 0 are not read. */
    void (*combine)(const float *x, size_t rows, size_t stride, const double *share, double *sum);
};

/* Those of this CPU, or of WEIR_SIMD (base/simd.h). */
const struct weir_matrix_kernels *weir_matrix_here(void);

extern const struct weir_matrix_kernels weir_matrix_plain;
#ifdef __x86_64__
extern const struct weir_matrix_kernels weir_matrix_avx2, weir_matrix_avx512;
#endif

#endif
