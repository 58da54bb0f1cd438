/* The trainers: one file for each algorithm, one interface.
 *
 * A trainer fits a scorer (model/scorer.h) to labelled rows. Equal rows, parameters and seed give equal bytes, whatever the
 * number of processes; those of weir's own (not xgboost, lightgbm, catboost) on any CPU. A fit uses one thread and no global
 * state, so fits may run side by side.
 */
#ifndef WEIR_TRAIN_TRAINER_H
#define WEIR_TRAIN_TRAINER_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/build.h"
#include "model/scorer.h"
#include "train/params.h"
#include "weir/error.h"

/* Rows to learn from: borrowed, read only, shared by all fits. */
struct weir_train_set {
    const float *const *x; /* [columns], each of all rows; NaN = missing, no infinities */
    size_t columns;
    const uint32_t *row;   /* [rows] numbers of the rows that train, ascending */
    const uint32_t *label; /* [rows] the class of each of them */
    size_t rows, classes;  /* every class has a row (unsupervised: class 0 has); classes >= 2 */
};

enum weir_scale {
    WEIR_SCALE_NONE,
    WEIR_SCALE_STANDARD /* mean 0, standard deviation 1 in the training rows; folded into the model */
};

struct weir_train_config {
    struct weir_params params;
    const char *const *more; /* "name=value" that only the trainer's library knows */
    size_t more_count;
    enum weir_scale scale;
    uint64_t seed;
    void (*progress)(void *context, size_t done, size_t all); /* NULL: none */
    void *context;
    const volatile sig_atomic_t *stop; /* not 0: ends with WEIR_ERR_CLOSED. NULL: never */
};

struct weir_trained {
    struct weir_scorer *scorer;
    struct weir_importance *importance; /* [columns], or NULL */
    char objective[64];                 /* for people; may be empty */
    float threshold;                    /* score from which a row is an alert; 0: it does not say */
    json_t *facts;                      /* what the fit says of itself: {"iterations":..,"converged":..}; NULL: nothing */
};

struct weir_trainer {
    const char *name;  /* "logistic-regression" */
    const char *title; /* "Logistic regression" */
    const struct weir_param *params;
    bool more;          /* takes parameters beyond its table: config->more */
    bool scale_matters; /* unscaled columns of very different size spoil it: users are warned */
    bool unsupervised;  /* learns without attacks: its set may have no row of class 1; more than two classes: WEIR_ERR_ARGUMENT */
    /* WEIR_ERR_UNSUPPORTED when its library is not there, with what to install: to be asked before minutes of reading. NULL: it
     * needs none. */
    weir_err (*ready)(struct weir_error *error);
    /* WEIR_ERR_MEMORY, _LIMIT, _ARGUMENT, _UNSUPPORTED (as `ready`), _CLOSED; on WEIR_OK the caller ends *out with
     * weir_trained_fini or takes its parts over. */
    weir_err (*fit)(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error);
};

/* By name, or NULL. */
const struct weir_trainer *weir_trainer_find(const char *name);

/* All, ended by NULL. */
const struct weir_trainer *const *weir_trainers(void);

/* "xgboost, gaussian-nb, ..." Constant text. */
const char *weir_trainer_names(void);

/* Safe on zeroes. */
void weir_trained_fini(struct weir_trained *trained);

#endif
