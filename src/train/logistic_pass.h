/* One pass of logistic regression over tiled rows: the loss and its gradient.
 *
 * The file logistic_pass.c is compiled once for each instruction set; all give the same bits. */
#ifndef WEIR_TRAIN_LOGISTIC_PASS_H
#define WEIR_TRAIN_LOGISTIC_PASS_H

#include "train/tiles.h"

/* One group (two classes): margin z, loss log(1 + exp(-z)) for class 1, log(1 + exp(z)) for class 0. More: the cross entropy of
 * the softmax of the margins. weight: [groups][columns], then bias [groups]; gradient the same, sums over the rows. label:
 * [rows]. scratch: weir_logistic_scratch floats, 64-byte aligned. Returns the sum of the losses. */
typedef double weir_logistic_pass(const struct weir_tiles *tiles, const uint32_t *label, size_t groups, const double *weight,
                                  double *gradient, float *scratch);

weir_logistic_pass weir_logistic_pass_plain;
#ifdef __x86_64__
weir_logistic_pass weir_logistic_pass_avx2, weir_logistic_pass_avx512;
#endif

static inline size_t weir_logistic_scratch(size_t columns, size_t groups)
{
    return groups * (columns + 1) * (1 + WEIR_TILE_LANES) + groups * WEIR_TILE_ROWS + 64;
}

#endif
