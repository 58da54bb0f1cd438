/* Passes of logistic regression over tiled rows.
 *
 * One group (two classes): margin z, loss log(1 + exp(-z)) for class 1, log(1 + exp(z)) for class 0. More: the cross entropy of
 * the softmax of the margins. Weights are [groups][columns], then an intercept for each group; what belongs to rows lies in tiles
 * as they do, [tiles][groups][64]. label: [rows].
 *
 * The file logistic_pass.c is compiled once for each instruction set; all give the same bits. Any thread. */
#ifndef WEIR_TRAIN_LOGISTIC_PASS_H
#define WEIR_TRAIN_LOGISTIC_PASS_H

#include "train/tiles.h"

struct weir_logistic_kernels {
    /* z: the margins of the rows. scratch: weir_logistic_scratch floats, 64-byte aligned, as z is. */
    void (*margins)(const struct weir_tiles *tiles, size_t groups, const double *weight, float *z, float *scratch);
    /* The sum of the losses at these margins; gradient: the sum of theirs by the weights. spread: [tiles][64] the rows' p (1 - p)
     * of one group; of more it is not written. */
    double (*gradient)(const struct weir_tiles *tiles, const uint32_t *label, size_t groups, const float *z, double *gradient,
                       float *spread, float *scratch);
    /* Of one group: the derivative by t of the sum of the losses at z + t * step; growth: its own. */
    double (*slope)(const struct weir_tiles *tiles, const uint32_t *label, const float *z, const float *step, double t,
                    double *growth);
};

/* WEIR_SIMD_CHOOSE(&weir_logistic), base/simd.h. */
extern const struct weir_logistic_kernels weir_logistic_plain;
#ifdef __x86_64__
extern const struct weir_logistic_kernels weir_logistic_avx2, weir_logistic_avx512;
#endif

static inline size_t weir_logistic_scratch(size_t columns, size_t groups)
{
    return groups * (columns + 1) * (1 + WEIR_TILE_LANES) + groups * WEIR_TILE_ROWS + 64;
}

#endif
