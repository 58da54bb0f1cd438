/* Reads XGBoost's model documents (JSON and UBJSON, versions 1.7 to 3.x) into a forest.
 *
 * Boosters gbtree and dart; objectives binary:logistic, binary:logitraw, reg:logistic, multi:softprob and multi:softmax.
 * Categorical splits, vector leaves, several targets, gblinear and other objectives are refused by name. Source of the format:
 * XGBoost's documentation "Introduction to Model IO" and files written by 1.7, 2.1, 3.0 and 3.2.
 */
#ifndef WEIR_MODEL_XGBOOST_H
#define WEIR_MODEL_XGBOOST_H

#include "model/forest.h"

struct weir_xgboost {
    struct weir_forest *forest;
    size_t columns;
    struct weir_importance *importance; /* [columns] */
    char **names;                       /* [columns], or NULL: the model has none */
    char objective[64];
    int version[3];
    int64_t best_iteration; /* -1: none stored */
    int64_t iterations;     /* boosting rounds: trees / groups / parallel trees */
};

/* Reads and checks everything. `out` is filled on WEIR_OK only; free it with weir_xgboost_free. Errors as
 * weir_model_from_xgboost. */
weir_err weir_xgboost_read(const void *bytes, size_t size, const char *origin, struct weir_xgboost *out,
                           struct weir_error *error);
void weir_xgboost_free(struct weir_xgboost *model);

#endif
