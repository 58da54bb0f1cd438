/* Using a model on data sets: which columns it reads, and how good it is on labelled rows. One thread. */
#ifndef WEIR_TRAIN_EVALUATE_H
#define WEIR_TRAIN_EVALUATE_H

#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "train/metrics.h"
#include "weir/error.h"
#include "weir/model.h"

/* The model's columns with the code tables of its card, for weir_dataset_config.columns. The caller ends with
 * weir_columns_free. WEIR_ERR_FORMAT for code tables that are no lists of texts, WEIR_ERR_MEMORY. */
weir_err weir_columns_of(const weir_model *model, struct weir_dataset_column **out, size_t *count, struct weir_error *error);
void weir_columns_free(struct weir_dataset_column *columns, size_t count);

struct weir_evaluation {
    struct weir_metrics metrics;
    /* By label value of the data set: its rows, and how many of them raised an alert. */
    uint64_t *label_rows, *label_alerts;
    size_t label_count;
    uint64_t left_out; /* rows with a label that is no class of the model */
    double score_s;    /* seconds of scoring and judging alone */
};

/* Scores the rows (rows[0..count), or all with NULL) with weir's own scorer. The data set has the model's columns, in any order
 * and among others. class_of: the class of each label value, -1: left
 * out. WEIR_ERR_FORMAT when all are left out, WEIR_ERR_MEMORY, WEIR_ERR_LIMIT. The caller ends with weir_evaluation_fini. */
weir_err weir_evaluate(const weir_model *model, const struct weir_dataset *dataset, const int32_t *class_of, const uint32_t *rows,
                       size_t count, struct weir_evaluation *out, struct weir_error *error);
void weir_evaluation_fini(struct weir_evaluation *evaluation);

/* {label: {"rows":n,"alerts":n}, ...} */
json_t *weir_evaluation_labels(const struct weir_evaluation *evaluation, const struct weir_categories *values);

#endif
