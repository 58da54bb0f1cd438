/* A Parquet file from rows, written by DuckDB.
 *
 * Parquet's columns can only be written when many rows are there, so the rows wait in a table of DuckDB's that spills into a
 * folder beside the output when it is large. One thread.
 */
#ifndef WEIR_STORE_PARQUET_H
#define WEIR_STORE_PARQUET_H

#include <stddef.h>

#include "weir/error.h"

enum weir_parquet_type { WEIR_PARQUET_INTEGER, WEIR_PARQUET_REAL, WEIR_PARQUET_TEXT };

struct weir_parquet_column {
    const char *name;
    enum weir_parquet_type type;
};

struct weir_parquet;

/* `path` is written by weir_parquet_finish, not before; `folder` is where rows may be spilled, made and removed as needed. */
weir_err weir_parquet_open(const struct weir_parquet_column *columns, size_t count, const char *path, const char *folder,
                           struct weir_parquet **out, struct weir_error *error);

/* Cells of the next row, in any order; a cell that is not set is null. INTEGER columns take whole numbers below 2^53. */
void weir_parquet_number(struct weir_parquet *parquet, size_t column, double value);
void weir_parquet_text(struct weir_parquet *parquet, size_t column, const char *text, size_t length); /* at most 255 bytes */
weir_err weir_parquet_row(struct weir_parquet *parquet, struct weir_error *error);

/* Writes the file. */
weir_err weir_parquet_finish(struct weir_parquet *parquet, struct weir_error *error);

/* Sets *parquet to NULL; NULL-safe. */
void weir_parquet_close(struct weir_parquet **parquet);

#endif
