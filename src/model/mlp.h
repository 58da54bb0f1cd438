/* Multilayer perceptrons as a scorer: layers of rectified units, and one of margins.
 *
 * A column's value x enters as (x - shift) * factor, in float64 and rounded once, cut at +-WEIR_MLP_MOST; a value that is missing
 * or infinite stands for `fill`. A unit adds weight * input to its bias in float32, in the order of its inputs, each step fused;
 * hidden units pass on what is above 0, at most WEIR_MLP_MOST. Two classes: one margin, whose sigmoid is the second class's
 * probability. More: a margin for each, whose softmax are the probabilities. A row's margins are the same bits in any company and
 * on any CPU.
 *
 * Explanations are in float64, by the rescale rule: each unit hands on what its sum and its output changed between the fill row
 * (the mean of training) and this row, in proportion. With one hidden layer that is the integral of the gradient along the
 * straight line between the two rows. base + contributions = margin; no order of columns has a say.
 */
#ifndef WEIR_MODEL_MLP_H
#define WEIR_MODEL_MLP_H

#include "model/matrix.h"
#include "model/scorer.h"

#define WEIR_MLP_COLUMNS_MAX 32767
#define WEIR_MLP_CLASSES_MAX 256
#define WEIR_MLP_HIDDEN_MAX  8    /* hidden layers */
#define WEIR_MLP_UNITS_MAX   1024 /* of a layer */
#define WEIR_MLP_MOST        1e12f
#define WEIR_MLP_WEIGHT_MOST 1e6f /* of a weight or bias: no sum overflows */
#define WEIR_MLP_SCALE_MOST  1e30 /* of shift and factor */

extern const struct weir_scorer_kind weir_mlp_kind;

struct weir_mlp {
    struct weir_scorer scorer;              /* first */
    size_t layers;                          /* hidden ones and the last */
    size_t size[WEIR_MLP_HIDDEN_MAX + 2];   /* columns, units of each layer, groups */
    float *fill;                            /* [columns] */
    double *shift, *factor;                 /* [columns] */
    float *weight[WEIR_MLP_HIDDEN_MAX + 1]; /* [size[l]][weir_matrix_width(size[l + 1])], 0 behind the units; aligned to 64 */
    float *bias[WEIR_MLP_HIDDEN_MAX + 1];   /* [weir_matrix_width(size[l + 1])] */
    double *rest[WEIR_MLP_HIDDEN_MAX + 1];  /* [size[l + 1]] the units' sums of the fill row, by weir_mlp_finish */
    const struct weir_matrix_kernels *kernels;
};

/* All zeroes, to be filled; freed with weir_scorer_free(&mlp->scorer). units: of each hidden layer, `hidden` of them, at least
 * one. WEIR_ERR_LIMIT, _MEMORY. */
weir_err weir_mlp_create(size_t columns, size_t classes, const uint32_t *units, size_t hidden, struct weir_mlp **out,
                         struct weir_error *error);

/* To be called when filled: all numbers are finite and within bounds, or WEIR_ERR_FORMAT names the first that is not. */
weir_err weir_mlp_finish(struct weir_mlp *mlp, struct weir_error *error);

#endif
