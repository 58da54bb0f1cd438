/* Kernel support vector machines as a scorer: radial basis functions, two classes or every pair of more.
 *
 * A row becomes u[c] = (x[c] - mean[c]) * scale[c] in float64, cut to +-1e15; scaling of the training and the width of the
 * functions are in `scale`. A machine's decision is
 *
 *     bias + far * the sum over its vectors of coef * 2^-(|u - vector|^2 / 2)
 *
 * over the columns `kept`; the others, which vary too little to matter in the training rows, are in far = 2^-(|u|^2 / 2), 1 for
 * rows like those. The values are float32, the sum is added in a written order (rbf.h).
 *
 * Two classes: the margin is slope * decision, its sigmoid the second class's probability; so a score of 0.5 is where the
 * decision changes its sign. More: a machine for each pair; the margins are slope * (votes of a class + the sum of its decisions
 * brought into (-1/3, 1/3)), as scikit-learn's decision_function, their softmax the probabilities. A value that is missing or
 * infinite stands for `fill`. Explanations replace the columns of `fill` by those of the row (replace.h).
 *
 * Scoring takes up to 0.6 MB of the stack.
 */
#ifndef WEIR_MODEL_SUPPORT_H
#define WEIR_MODEL_SUPPORT_H

#include "model/rbf.h"
#include "model/scorer.h"

#define WEIR_SUPPORT_COLUMNS_MAX 4096
#define WEIR_SUPPORT_CLASSES_MAX 64
#define WEIR_SUPPORT_VECTORS_MAX ((size_t)1 << 26)

extern const struct weir_scorer_kind weir_support_kind;

struct weir_support {
    struct weir_scorer scorer; /* first */
    size_t classes, pairs;     /* machine of classes i < k: i * (2 classes - i - 1) / 2 + k - i - 1; > 0 speaks for k */
    size_t kept_count, vectors;
    float *fill;          /* [columns] */
    double *mean, *scale; /* [columns] */
    uint32_t *kept;       /* [kept_count] ascending */
    uint32_t *count;      /* [classes] vectors of each class; they stand class by class */
    float *vector;        /* [vectors][kept_count] */
    float *coef;          /* [vectors][classes - 1]: in the machines against the other classes, in their order */
    double *bias;         /* [pairs] */
    double slope;

    struct weir_support_part *part; /* the vectors, packed for rbf.h; made by weir_support_finish */
    size_t parts;
    weir_rbf_sum *sum;
};

/* All zeroes (slope 1), to be filled, then finished; freed with weir_scorer_free(&support->scorer). WEIR_ERR_LIMIT, _MEMORY. */
weir_err weir_support_create(size_t columns, size_t classes, size_t kept, size_t vectors, struct weir_support **out,
                             struct weir_error *error);

/* Checks all numbers and packs the vectors. WEIR_ERR_FORMAT names what is wrong, WEIR_ERR_MEMORY. */
weir_err weir_support_finish(struct weir_support *support, struct weir_error *error);

#endif
