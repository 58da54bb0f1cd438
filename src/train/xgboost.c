/* XGBoost as a trainer: its own library grows the trees (xgb.h), weir's importer reads them. */
#include <stdio.h>
#include <stdlib.h>

#include "model/xgboost.h"
#include "train/boosted.h"
#include "train/trainers.h"
#include "train/xgb.h"

static const struct weir_param params[] = {{"trees", WEIR_PARAM_WHOLE, "100", 1, 100000, NULL, "rounds of boosting"},
                                           {"depth", WEIR_PARAM_WHOLE, "6", 1, 64, NULL, "depth of a tree"},
                                           {"eta", WEIR_PARAM_REAL, "0.3", 1e-6, 1, NULL, "learning rate"},
                                           {0}};

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    const struct weir_xgb_config xgb = {.trees = (unsigned)weir_params_whole(&config->params, "trees"),
                                        .depth = (unsigned)weir_params_whole(&config->params, "depth"),
                                        .eta = weir_params_real(&config->params, "eta"),
                                        .seed = config->seed,
                                        .classes = set->classes,
                                        .params = config->more,
                                        .param_count = config->more_count,
                                        .progress = config->progress,
                                        .context = config->context,
                                        .stop = config->stop};
    void *bytes = NULL;
    size_t size = 0;
    float *x = malloc((set->rows * set->columns + 1) * sizeof *x);
    if (!x)
        return weir_fail(error, WEIR_ERR_MEMORY, "the training rows do not fit into memory; train on a sample");
    weir_boosted_gather(set, x, set->columns, 1);
    weir_err err = weir_xgb_train(x, set->label, set->rows, set->columns, &xgb, &bytes, &size, error);
    free(x);
    if (!err) {
        char library[48];
        snprintf(library, sizeof library, "XGBoost %s", weir_xgb_version(NULL));
        err = weir_boosted_take(weir_xgboost_read, bytes, size, library, out, error);
    }
    free(bytes);
    return err;
}

static weir_err ready(struct weir_error *error)
{
    return weir_xgb_version(error) ? WEIR_OK : WEIR_ERR_UNSUPPORTED;
}

const struct weir_trainer weir_train_xgboost = {
    .name = "xgboost", .title = "XGBoost", .params = params, .more = true, .ready = ready, .fit = fit};
