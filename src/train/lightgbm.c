/* LightGBM as a trainer: its own library grows the trees (lgb.h), weir's importer reads them. */
#include <stdlib.h>
#include <string.h>

#include "model/lightgbm.h"
#include "train/boosted.h"
#include "train/lgb.h"
#include "train/trainers.h"

static const struct weir_param params[] = {{"trees", WEIR_PARAM_WHOLE, "100", 1, 100000, NULL, "rounds of boosting"},
                                           {"leaves", WEIR_PARAM_WHOLE, "31", 2, 131072, NULL, "leaves of a tree"},
                                           {"eta", WEIR_PARAM_REAL, "0.1", 1e-6, 1, NULL, "learning rate"},
                                           {0}};

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    const struct weir_lgb_config lgb = {.trees = (unsigned)weir_params_whole(&config->params, "trees"),
                                        .leaves = (unsigned)weir_params_whole(&config->params, "leaves"),
                                        .eta = weir_params_real(&config->params, "eta"),
                                        .seed = config->seed,
                                        .classes = set->classes,
                                        .params = config->more,
                                        .param_count = config->more_count,
                                        .progress = config->progress,
                                        .context = config->context,
                                        .stop = config->stop};
    void *text = NULL;
    size_t size = 0;
    float *x = malloc((set->rows * set->columns + 1) * sizeof *x);
    if (!x)
        return weir_fail(error, WEIR_ERR_MEMORY, "the training rows do not fit into memory; train on a sample");
    weir_boosted_gather(set, x, 1, set->rows);
    weir_err err = weir_lgb_train(x, set->label, set->rows, set->columns, &lgb, &text, &size, error);
    free(x);
    if (!err)
        err = weir_boosted_take(weir_lightgbm_read, text, size, "LightGBM " WEIR_LIGHTGBM_VERSION, out, error);
    free(text);
    return err;
}

const struct weir_trainer weir_train_lightgbm = {
    .name = "lightgbm", .title = "LightGBM", .params = params, .more = true, .ready = weir_lgb_ready, .fit = fit};
