/* The yardsticks of `weir bench forest`: other libraries that train a model here and score it beside weir.
 *
 * Libraries with a C interface are opened with dlopen, the others run in one Python process that answers on a pipe. Each measures
 * its own CPU time, all threads together. One thread.
 */
#ifndef WEIR_BENCH_PEER_H
#define WEIR_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

struct weir_peer_data {
    const float *x, *y; /* row-major; y: 0 or 1 */
    size_t columns;
    size_t rows;  /* the first ones are scored */
    size_t train; /* the rows behind them train */
};

/* CPU seconds in which the peer scores `repeats` batches of `batch` rows; negative: it failed. Also weir's own form. */
typedef double weir_peer_clock(void *peer, size_t batch, unsigned repeats);

/* CPU seconds of this process. */
double weir_peer_now(void);

/* Row that batch number i begins with: batches go round in the data. */
static inline size_t weir_peer_row(const struct weir_peer_data *data, size_t batch, unsigned i)
{
    size_t batches = data->rows / batch;
    return batches ? i % batches * batch : 0;
}

/* The folder of the virtual environment with the yardsticks (build/peers beside the program, else WEIR_PEERS), or NULL. The
 * caller frees it. */
char *weir_peer_home(void);
/* A file below its site-packages, or NULL. The caller frees it. */
char *weir_peer_file(const char *home, const char *path);

/* -- libxgboost and LightGBM -- */

struct weir_peer;

/* path: of the library, or its name. Errors name what is missing. */
weir_err weir_peer_xgboost(const char *path, struct weir_peer **out, struct weir_error *error);
weir_err weir_peer_lightgbm(const char *path, const char *version, struct weir_peer **out, struct weir_error *error);
void weir_peer_free(struct weir_peer **peer);

const char *weir_peer_name(const struct weir_peer *peer); /* "libxgboost 3.2.0" */

/* Trains with one thread (several wait for each other by spinning, for minutes on a busy machine); depth is the leaves for
 * LightGBM. The model's text or JSON: the caller frees *model with free(). */
weir_err weir_peer_train(struct weir_peer *peer, const struct weir_peer_data *data, unsigned trees, unsigned depth, unsigned bins,
                         char **model, size_t *size, struct weir_error *error);
/* Another model of the same tool, for one thread. */
weir_err weir_peer_load(struct weir_peer *peer, const struct weir_peer_data *data, const char *model, size_t size,
                        struct weir_error *error);

/* The model's margins of the data's first rows. */
weir_err weir_peer_margins(struct weir_peer *peer, size_t rows, double *margins, struct weir_error *error);
weir_peer_clock weir_peer_seconds; /* of a struct weir_peer */

/* -- Python -- */

struct weir_python;

/* Starts the environment's Python on the data, which it finds in `folder` (must exist). */
weir_err weir_python_start(const char *home, const char *folder, const struct weir_peer_data *data, struct weir_python **out,
                           struct weir_error *error);
void weir_python_stop(struct weir_python **python);

/* Sends a line and waits for the answer's rest behind "ok "; the answer lives until the next one. */
weir_err weir_python_ask(struct weir_python *python, const char **answer, struct weir_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

struct weir_python_peer {
    struct weir_python *python;
    char what[32]; /* catboost, catboost-pool, sklearn, treelite, tl2cgen, onnxruntime */
};
weir_peer_clock weir_python_seconds; /* of a struct weir_python_peer */

#endif
