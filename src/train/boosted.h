/* What the trainers with libraries of their own share: their library's model becomes weir's trees. One thread. */
#ifndef WEIR_TRAIN_BOOSTED_H
#define WEIR_TRAIN_BOOSTED_H

#include "model/source.h"
#include "train/trainer.h"

/* The rows of the set one behind the other: value of row i, column c at out[i * row_step + c * column_step]. out: rows * columns.
 */
void weir_boosted_gather(const struct weir_train_set *set, float *out, size_t row_step, size_t column_step);

typedef weir_err weir_source_reader(const void *bytes, size_t size, const char *origin, struct weir_source *out,
                                    struct weir_error *error);

/* Fills scorer, importance, objective and facts ("library") of `out`. Errors of the reader; WEIR_ERR_MEMORY. */
weir_err weir_boosted_take(weir_source_reader *reader, const void *bytes, size_t size, const char *library,
                           struct weir_trained *out, struct weir_error *error);

#endif
