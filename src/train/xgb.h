/* Training with XGBoost's own library, loaded when it is first needed: weir starts without it. One thread at a time.
 * Source: XGBoost's C API, c_api.h, 1.7 to 3.x. */
#ifndef WEIR_TRAIN_XGB_H
#define WEIR_TRAIN_XGB_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_xgb_config {
    unsigned trees; /* rounds; more than two classes grow a tree per class and round */
    unsigned depth;
    double eta;
    uint64_t seed;
    size_t classes;            /* 2: binary:logistic; more: multi:softprob */
    const char *const *params; /* "name=value", XGBoost's names; the last one wins, also over the fields above */
    size_t param_count;
    void (*progress)(void *context, size_t done, size_t trees); /* after each round; NULL: none */
    void *context;
    const volatile sig_atomic_t *stop; /* not 0: ends with WEIR_ERR_CLOSED. NULL: never */
};

/* Fits a model to row-major rows (NaN = missing, no infinities) with labels 0..classes-1, with the histogram method and one
 * thread, so that equal input gives equal bytes on one kind of processor. *bytes (UBJSON, XGBoost's own format) is the caller's
 * to free. WEIR_ERR_UNSUPPORTED when the library is not there (the message says what to install), WEIR_ERR_ARGUMENT for a
 * parameter that XGBoost does not know, WEIR_ERR_LIBRARY, WEIR_ERR_CLOSED, WEIR_ERR_MEMORY. */
weir_err weir_xgb_train(const float *x, const uint32_t *labels, size_t rows, size_t columns, const struct weir_xgb_config *config,
                        void **bytes, size_t *size, struct weir_error *error);

/* "1.7.4", or NULL with WEIR_ERR_UNSUPPORTED in error. Constant text. */
const char *weir_xgb_version(struct weir_error *error);

#endif
