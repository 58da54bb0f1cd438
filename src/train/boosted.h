/* What the trainers with libraries of their own share: their library's model becomes weir's trees. One thread. */
#ifndef WEIR_TRAIN_BOOSTED_H
#define WEIR_TRAIN_BOOSTED_H

#include "model/source.h"
#include "train/trainer.h"

typedef weir_err weir_source_reader(const void *bytes, size_t size, const char *origin, struct weir_source *out,
                                    struct weir_error *error);

/* Fills scorer, importance, objective and facts ("library") of `out`. Errors of the reader; WEIR_ERR_MEMORY. */
weir_err weir_boosted_take(weir_source_reader *reader, const void *bytes, size_t size, const char *library,
                           struct weir_trained *out, struct weir_error *error);

#endif
