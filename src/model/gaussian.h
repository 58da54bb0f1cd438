/* Gaussian naive Bayes as a scorer.
 *
 * The joint log likelihood of a class is constant[k] - the sum over the columns of precision[k][c] * (x[c] - mean[k][c])^2, in
 * float64 in the order of the columns; precision is 1 / (2 variance), constant the log of the prior and of the densities' norms.
 * More than two classes: these are the margins, their softmax is the posterior. Two classes: one margin, the second's minus the
 * first's, whose sigmoid is the second's posterior. A value that is missing or infinite says nothing: its term is left out, as
 * the model takes columns as independent. Explanations are exact: a column's term minus its mean over the training rows.
 */
#ifndef WEIR_MODEL_GAUSSIAN_H
#define WEIR_MODEL_GAUSSIAN_H

#include "model/scorer.h"

#define WEIR_GAUSSIAN_COLUMNS_MAX 32767
#define WEIR_GAUSSIAN_CLASSES_MAX 256
/* Most of a mean, a precision, any other number: no likelihood overflows. */
#define WEIR_GAUSSIAN_MEAN_MOST      1e40
#define WEIR_GAUSSIAN_PRECISION_MOST 1e100
#define WEIR_GAUSSIAN_MOST           1e200

extern const struct weir_scorer_kind weir_gaussian_kind;

struct weir_gaussian {
    struct weir_scorer scorer; /* first */
    size_t classes;
    double *constant;  /* [classes] */
    double *mean;      /* [classes][columns] */
    double *precision; /* [classes][columns] */
    double *expected;  /* [classes][columns] mean of precision * (x - mean)^2 over all training rows */
    double *norm;      /* [classes][columns] log of the density's norm, part of `constant`: taken back where a value is missing */
};

/* All zeroes, to be filled; freed with weir_scorer_free(&gaussian->scorer). WEIR_ERR_LIMIT, _MEMORY. */
weir_err weir_gaussian_create(size_t columns, size_t classes, struct weir_gaussian **out, struct weir_error *error);

/* All numbers are finite, precisions not negative. WEIR_ERR_FORMAT names the first that is not. */
weir_err weir_gaussian_validate(const struct weir_gaussian *gaussian, struct weir_error *error);

#endif
