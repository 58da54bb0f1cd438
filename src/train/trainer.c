#include "train/trainer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainers.h"

/* clang-format off */
static const struct weir_trainer *const trainers[] = {
    &weir_train_adaboost,
    &weir_train_catboost,
    &weir_train_decision_tree,
    &weir_train_gaussian_nb,
    &weir_train_isolation_forest,
    &weir_train_knn,
    &weir_train_lda,
    &weir_train_lightgbm,
    &weir_train_linear_svm,
    &weir_train_logistic,
    &weir_train_mlp,
    &weir_train_random_forest,
    &weir_train_svm,
    &weir_train_xgboost,
    NULL,
};
/* clang-format on */

const struct weir_trainer *weir_trainer_find(const char *name)
{
    for (size_t i = 0; trainers[i]; i++)
        if (!strcmp(trainers[i]->name, name))
            return trainers[i];
    return NULL;
}

const struct weir_trainer *const *weir_trainers(void)
{
    return trainers;
}

static char names[400];

static void list(void)
{
    size_t used = 0;
    for (size_t i = 0; trainers[i] && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", trainers[i]->name);
}

const char *weir_trainer_names(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, list);
    return names;
}

void weir_trained_fini(struct weir_trained *trained)
{
    weir_scorer_free(&trained->scorer);
    free(trained->importance);
    json_decref(trained->facts);
    *trained = (struct weir_trained){0};
}
