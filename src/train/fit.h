/* One model from labelled rows in memory: trainer and options in, a whole model with its card out. What `weir train` and the
 * tasks of a survey share; needs no DuckDB. One thread. */
#ifndef WEIR_TRAIN_FIT_H
#define WEIR_TRAIN_FIT_H

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "train/labels.h"
#include "train/trainer.h"
#include "weir/error.h"
#include "weir/model.h"

/* The rows, and what the card says about them. All borrowed. */
struct weir_fit_rows {
    const struct weir_dataset *dataset; /* columns and labels of all rows */
    const struct weir_labels *labels;
    const uint32_t *train; /* [train_count] rows that train, ascending */
    size_t train_count, test_count;
    const char *data_set;                       /* the name of a known one, or NULL */
    const char *fingerprint, *test_fingerprint; /* test: NULL when test rows are of the same data set */
    const char *feature_set;
    uint64_t feature_set_id;
    const json_t *defaults; /* of weir_prepared_defaults */
    const json_t *drawn; /* of weir_folds_json, and what else tells how rows were chosen: becomes a part of "training"; or NULL */
};

struct weir_fit_config {
    const struct weir_trainer *trainer;
    const char *const *params; /* "name=value" */
    size_t param_count;
    enum weir_scale scale;
    uint64_t seed;
    double threshold;    /* NaN: as the trainer or the kind of model says */
    size_t select;       /* fit twice: on all columns, then on so many that were worth most to the first fit; 0, or all: once */
    const char *name;    /* of the model; NULL: data set and algorithm */
    const char *version; /* NULL: "1" */
    void (*progress)(void *context, size_t done, size_t all); /* NULL: none */
    void *context;
    const volatile sig_atomic_t *stop; /* NULL: never */
};

/* On WEIR_OK *model is the caller's (weir_model_free) and *seconds the time of fitting alone, with `select` of both fits and the
 * choice. Errors of the trainer and of its parameters; WEIR_ERR_FORMAT when a class has no row to learn from. The same rows and
 * config give the same model bytes. */
weir_err weir_fit(const struct weir_fit_rows *rows, const struct weir_fit_config *config, weir_model **model, double *seconds,
                  struct weir_error *error);

#endif
