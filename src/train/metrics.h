/* How good verdicts are: accuracy, precision, recall, F1, areas under the ROC and precision-recall curves, confusion matrix.
 *
 * Definitions as in scikit-learn, with 0 for a precision or recall without a denominator. Two classes: class 1, the attack, is
 * the positive one and gives the overall figures. More classes: the overall figures are the plain mean over the classes that
 * occur among the true or predicted ones, areas are one class against the rest, their mean over the classes for which they
 * exist. An area that does not exist (all rows positive or none) is NaN. Any thread. */
#ifndef WEIR_TRAIN_METRICS_H
#define WEIR_TRAIN_METRICS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/error.h"

struct weir_class_metrics {
    double precision, recall, f1, roc_auc, pr_auc;
    uint64_t rows; /* that truly are of this class */
};

struct weir_metrics {
    double accuracy, precision, recall, f1;
    double roc_auc;
    double pr_auc; /* average precision: the sum of precision times step of recall */
    size_t rows, class_count;
    uint64_t *confusion; /* [true * class_count + predicted] */
    struct weir_class_metrics *classes;
};

/* truth[i] and predicted[i] < classes, classes >= 2; probabilities: rows * classes, row-major. WEIR_ERR_MEMORY, or
 * WEIR_ERR_LIMIT beyond 2^32 rows. The caller ends with weir_metrics_fini. */
weir_err weir_metrics_compute(const uint32_t *truth, const uint16_t *predicted, const float *probabilities, size_t rows,
                              size_t classes, struct weir_metrics *out);
void weir_metrics_fini(struct weir_metrics *metrics);

/* Areas of one score alone, ties counted as half: positive[i] is 0 or 1, the higher score is meant to be positive. */
weir_err weir_metrics_areas(const float *score, const uint8_t *positive, size_t rows, double *roc_auc, double *pr_auc);

/* {"accuracy":..,"precision":..,"recall":..,"f1":..,"roc_auc":..,"pr_auc":..,"confusion":[[..]],"classes":[names],"per_class":
 * [..],"rows":..}; a NaN is null. NULL when memory is out. The caller owns it. */
json_t *weir_metrics_json(const struct weir_metrics *metrics, const char *const *class_names);

/* The same for people. */
void weir_metrics_print(FILE *to, const struct weir_metrics *metrics, const char *const *class_names);

#endif
