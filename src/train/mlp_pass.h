/* What the training of a perceptron does between its products (model/matrix.h), compiled once for each instruction set
 * (model/vector.h): all variants give the same bits. Arrays are aligned to 64 bytes, widths multiples of WEIR_MATRIX_LANES. */
#ifndef WEIR_TRAIN_MLP_PASS_H
#define WEIR_TRAIN_MLP_PASS_H

#include <stddef.h>
#include <stdint.h>

#include "model/matrix.h"

struct weir_mlp_step { /* of Adam */
    float rate;        /* with the corrections of the step's number */
    float share;       /* gradients are sums: 1 / rows */
    float decay;       /* of a weight: alpha / rows; 0 of a bias */
};

struct weir_mlp_pass {
    /* Brings x[rows][stride], no NaN, between -most and most; bit k % 64 of some[r * words + k / 64]: x[r][k] is not 0, k <
     * columns
     * <= stride, a multiple of 16; words: (columns + 63) / 64. */
    void (*clip)(float *x, size_t rows, size_t stride, size_t columns, float most, uint64_t *some);
    /* h = max(h, 0) */
    void (*rectify)(float *h, size_t count);
    /* Rectifies the last hidden layer h[rows][width], then z[r * stride + o] = bias[o] + sum over j of h[r][j] * v[o][j]. */
    void (*outputs)(float *h, size_t rows, size_t width, const float *v, const float *bias, size_t groups, size_t stride,
                    float *z);
    /* The sum of the losses, and what margins should change: delta = probability - truth. Two classes (stride 1: z and delta have
     * room for a multiple of 16) or a softmax (stride: a width; what is behind the groups in z is overwritten). */
    double (*loss)(float *z, const uint32_t *label, size_t rows, size_t groups, size_t stride, float *delta);
    /* From the outputs back to the last hidden layer: gradients of v, bias and the hidden biases are added to, h becomes what its
     * sums should change. Rows without any delta are left out. Returns how many are not: their numbers, in live. */
    size_t (*back)(float *h, size_t rows, size_t width, const float *delta, size_t groups, size_t stride, const float *v,
                   float *gv, float *gbias, float *ghidden, uint32_t *live);
    /* d[r] = 0 where h[live[r]] is not above 0; sum[j] += d[r][j]. */
    void (*mask)(float *d, const float *h, const uint32_t *live, size_t rows, size_t width, float *sum);
    /* A step of Adam for `count` numbers, a multiple of 16. Returns the sum of squares of p before it. */
    double (*adam)(float *p, const float *g, float *m, float *v, size_t count, const struct weir_mlp_step *step);
};

extern const struct weir_mlp_pass weir_mlp_pass_plain;
#ifdef __x86_64__
extern const struct weir_mlp_pass weir_mlp_pass_avx2, weir_mlp_pass_avx512;
#endif

#endif
