/* Linear models as a scorer: logistic regression, linear discriminant analysis, linear support vectors.
 *
 * The margin of group g is bias[g] + the sum over the columns of weight[g][c] * x[c], in float64 in the order of the columns,
 * rounded to float32 once. A value that is missing or infinite stands for `fill`. Scaling of the training is folded into weights
 * and bias. Explanations are exact: weight * (x - mean), which is the Shapley value when columns are taken as independent.
 */
#ifndef WEIR_MODEL_LINEAR_H
#define WEIR_MODEL_LINEAR_H

#include "model/scorer.h"

#define WEIR_LINEAR_COLUMNS_MAX 32767
#define WEIR_LINEAR_MOST        1e30 /* of a weight, bias or mean: no margin overflows float64 */

extern const struct weir_scorer_kind weir_linear_kind;

struct weir_linear {
    struct weir_scorer scorer; /* first */
    float *fill;               /* [columns] */
    double *mean;              /* [columns] of the training rows */
    double *weight;            /* [groups][columns] */
    double *bias;              /* [groups] */
};

/* All zeroes, to be filled before it is used; freed with weir_scorer_free(&linear->scorer). WEIR_ERR_LIMIT, _MEMORY. */
weir_err weir_linear_create(size_t columns, size_t groups, enum weir_link link, struct weir_linear **out,
                            struct weir_error *error);

/* All numbers are finite and within bounds. WEIR_ERR_FORMAT names the first that is not. */
weir_err weir_linear_validate(const struct weir_linear *linear, struct weir_error *error);

#endif
