/* What a model's columns are worth: to its trees, to its verdicts, to its margins. docs/metrics.md tells what each figure means.
 *
 * - weight, gain, cover: of the trees' splits, as the model keeps them (model/build.h); 0 for models without trees.
 * - permutation: how much a metric falls when a column's values are dealt anew among the rows (Breiman, 2001).
 * - shap: mean size of the column's contribution to the margin, by weir_model_explain; several classes: their sum.
 *
 * The same model, rows and seed give the same figures. One thread; scoring takes up to 1 MB of its stack. */
#ifndef WEIR_TRAIN_IMPORTANCE_H
#define WEIR_TRAIN_IMPORTANCE_H

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "data/dataset.h"
#include "weir/error.h"
#include "weir/model.h"

enum weir_importance_metric {
    WEIR_IMPORTANCE_F1, /* of the attack; more classes: macro */
    WEIR_IMPORTANCE_ACCURACY,
    WEIR_IMPORTANCE_ROC_AUC /* of attacks against normal rows */
};

struct weir_importance_config {
    enum weir_importance_metric metric;
    unsigned repeats;                  /* of dealing; 0: no permutation */
    size_t rows;                       /* drawn to be dealt; all when there are fewer */
    size_t explained;                  /* of these, how many are explained; 0: no shap */
    uint64_t seed;                     /* of both */
    const volatile sig_atomic_t *stop; /* NULL: never */
};

/* 5 repeats of F1 over 2,000 rows, 200 explained, seed 1 */
extern const struct weir_importance_config weir_importance_usual;

struct weir_column_importance {
    double weight, gain, cover;
    double permutation, deviation; /* mean and standard deviation over the repeats; NaN: not asked for */
    double shap;                   /* NaN: not asked for */
};

/* Fills out[weir_model_columns]; *reference: the metric of the rows as they are. The data set has the model's columns in its
 * order; rows[0..count) (NULL: the first `count`) whose label has a class (class_of, else -1) count. WEIR_ERR_FORMAT when there
 * are none, WEIR_ERR_UNSUPPORTED for an area of a model without a benign class or a metric of a regression, WEIR_ERR_CLOSED,
 * WEIR_ERR_MEMORY. */
weir_err weir_importance_find(const weir_model *model, const struct weir_dataset *dataset, const int32_t *class_of,
                              const uint32_t *rows, size_t count, const struct weir_importance_config *config,
                              struct weir_column_importance *out, double *reference, struct weir_error *error);

/* Columns by falling importance: shap, without it gain, without that permutation; equal ones in the model's order. order: as
 * many as columns. WEIR_ERR_MEMORY. */
weir_err weir_importance_rank(const struct weir_column_importance *importance, size_t columns, uint32_t *order);

/* "f1"; and back, -1: no such metric. */
const char *weir_importance_metric_name(enum weir_importance_metric metric);
int weir_importance_metric_find(const char *name);

/* [{"column":..,"weight":..,"gain":..,"cover":..,"permutation":..,"permutation_deviation":..,"shap":..},...], ranked. NULL: out
 * of memory. The caller owns it. */
json_t *weir_importance_list(const weir_model *model, const struct weir_column_importance *importance);

/* A table with bars, 80 columns wide; `most` rows at most. */
void weir_importance_print(FILE *to, const weir_model *model, const struct weir_column_importance *importance, size_t most);

#endif
