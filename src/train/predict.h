/* Writes a source's rows with a model's verdict behind each. One thread calls; DuckDB scores with several. */
#ifndef WEIR_TRAIN_PREDICT_H
#define WEIR_TRAIN_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "data/relation.h"
#include "weir/error.h"
#include "weir/model.h"

enum weir_predict_format { WEIR_PREDICT_CSV, WEIR_PREDICT_JSONL, WEIR_PREDICT_PARQUET };

struct weir_predict_config {
    struct weir_relation *source;
    const weir_model *model;
    struct weir_dataset_column *columns; /* weir_columns_of(model); the counts of what became missing are added here */
    size_t column_count;
    enum weir_predict_format format;
    const char *path; /* written as it is; "-" is standard output */
};

/* All columns of the source in order, then score, class, and margin (two classes) or margin_0, margin_1, ...; rows in order. CSV
 * in, CSV out keeps cells as they are; Parquet and JSON lines make numbers of CSV columns that hold nothing but numbers. Floats
 * are written to read back exactly. *rows: how many were written. WEIR_ERR_NOT_FOUND for a column that the model needs,
 * WEIR_ERR_MISMATCH for an input column that is called like an output column, WEIR_ERR_IO when the file cannot be written (it is
 * then in no defined state), WEIR_ERR_CLOSED when interrupted, errors of reading. */
weir_err weir_predict_write(const struct weir_predict_config *config, uint64_t *rows, struct weir_error *error);

#endif
