/* From labelled data of any source to what trainers take: which column is the label, which columns are learned from, which
 * feature set they belong to, which classes there are. What it decides and why is told as messages (base/log.h). One thread. */
#ifndef WEIR_TRAIN_PREPARE_H
#define WEIR_TRAIN_PREPARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "data/known.h"
#include "train/folds.h"
#include "train/labels.h"
#include "weir/error.h"

/* What a user says; what is not said comes from the data set, if weir knows it. */
struct weir_prepare_config {
    const char *label, *benign; /* NULL: not said */
    bool multiclass;
    bool benign_alone;          /* rows without any attack will do (not with multiclass) */
    const char *const *exclude; /* the whole list when exclude_given */
    size_t exclude_count;
    bool exclude_given;
    const char *features;                  /* NULL: the feature set that has all columns */
    const struct weir_folds_config *folds; /* whose side column is carried along (data set's `side`); NULL: none */
};

struct weir_prepared {
    const struct weir_known *known; /* NULL: a data set that weir does not know */
    const char *label, *benign;     /* borrowed: of the config or of `known` */
    bool multiclass;
    char **exclude; /* columns that are not learned from */
    size_t exclude_count;
    struct weir_dataset *dataset;
    struct weir_labels labels;
    const char *feature_set; /* constant text; "none" */
    uint64_t feature_set_id;
};

/* Reads the whole source. Errors of weir_dataset_read and weir_labels_learn; WEIR_ERR_ARGUMENT without a label column,
 * WEIR_ERR_NOT_FOUND for an unknown feature set, WEIR_ERR_MISMATCH when it lacks columns. On WEIR_OK the caller ends *out with
 * weir_prepared_fini. */
weir_err weir_prepare(struct weir_relation *source, const struct weir_prepare_config *config, struct weir_prepared *out,
                      struct weir_error *error);

/* weir_folds_make over the rows of a prepared data set; `config` is the one that weir_prepare had, or one that needs no side
 * column. */
weir_err weir_prepared_folds(const struct weir_prepared *prepared, const struct weir_folds_config *config, struct weir_folds *out,
                             struct weir_error *error);

/* Safe on zeroes. */
void weir_prepared_fini(struct weir_prepared *prepared);

/* {"label":..,"benign":..,"multiclass":..,"exclude":[..],"description":name of the data set's or null,"description_hash":16 hex
 * digits of its text or null}: what a card keeps for evaluate and predict. NULL: out of memory. The
 * caller owns it. */
json_t *weir_prepared_defaults(const struct weir_prepared *prepared);

#endif
