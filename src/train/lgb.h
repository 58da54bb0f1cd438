/* Training with LightGBM's own library, loaded when it is first needed: weir starts without it. One thread at a time.
 * Source: LightGBM's C API, c_api.h, 4.x. */
#ifndef WEIR_TRAIN_LGB_H
#define WEIR_TRAIN_LGB_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_lgb_config {
    unsigned trees; /* rounds; more than two classes grow a tree per class and round */
    unsigned leaves;
    double eta;
    uint64_t seed;
    size_t classes;            /* 2: binary; more: multiclass */
    const char *const *params; /* "name=value", LightGBM's names; the last one wins, also over the fields above */
    size_t param_count;
    void (*progress)(void *context, size_t done, size_t trees); /* after each round; NULL: none */
    void *context;
    const volatile sig_atomic_t *stop; /* not 0: ends with WEIR_ERR_CLOSED. NULL: never */
};

/* Fits a model to feature-major rows (value of row r, column c at x[c * rows + r]; NaN = missing, no infinities) with labels
 * 0..classes-1 and one thread, so that equal input gives equal bytes. *text (LightGBM's own model text) is the caller's to free.
 * WEIR_ERR_UNSUPPORTED when the library is not there (the message says what to do), WEIR_ERR_ARGUMENT for a parameter that
 * LightGBM does not know, WEIR_ERR_LIMIT beyond 2^31 rows, WEIR_ERR_LIBRARY, WEIR_ERR_CLOSED, WEIR_ERR_MEMORY. */
weir_err weir_lgb_train(const float *x, const uint32_t *labels, size_t rows, size_t columns, const struct weir_lgb_config *config,
                        void **text, size_t *size, struct weir_error *error);

/* Loads the library. WEIR_ERR_UNSUPPORTED. */
weir_err weir_lgb_ready(struct weir_error *error);

#endif
