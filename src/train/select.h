/* Fewer columns: which ones of a fitted model are worth keeping, and a data set seen through them. One thread. */
#ifndef WEIR_TRAIN_SELECT_H
#define WEIR_TRAIN_SELECT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "train/labels.h"
#include "weir/error.h"
#include "weir/model.h"

/* The data set with these columns alone, in this order. *view borrows everything but view->columns, which the caller frees.
 * WEIR_ERR_NOT_FOUND names a column that is not there; WEIR_ERR_MEMORY. */
weir_err weir_select_view(const struct weir_dataset *dataset, const char *const *names, size_t count, struct weir_dataset *view,
                          struct weir_error *error);

/* The `keep` (at least 1, at most all) best columns of a model by mean |SHAP| over 200 of the rows that it learned from, in the
 * model's order: names[keep], which belong to the model. Errors of weir_importance_find. */
weir_err weir_select_columns(const weir_model *model, const struct weir_dataset *dataset, const struct weir_labels *labels,
                             const uint32_t *train, size_t train_count, size_t keep, uint64_t seed,
                             const volatile sig_atomic_t *stop, const char **names, struct weir_error *error);

#endif
