/* A data set of flows for `weir bench survey`, as two CSV files: rows that train and rows that test, four to one, drawn. Lines
 * of given files go in as they are. One thread. */
#ifndef WEIR_BENCH_CSV_ROWS_H
#define WEIR_BENCH_CSV_ROWS_H

#include <stddef.h>

#include "weir/error.h"

#define WEIR_CSV_ROWS_MADE 43419 /* rows that are made up when no file is given: as many as the papers' data set has here */

struct weir_csv_rows {
    const char *data;  /* FILE or GLOB of CSV with one header; NULL: made up, 83 columns, label "Label", benign "BENIGN" */
    const char *label; /* column that is never changed; NULL: "label", large or small */
    size_t want;       /* rows in both files; 0: as many as there are. More: drawn again, each number with noise of 2 % */
};

/* Writes both files. Equal input gives equal bytes. WEIR_ERR_NOT_FOUND, _FORMAT (no rows; headers that differ), _IO, _MEMORY. */
weir_err weir_csv_rows_write(const struct weir_csv_rows *rows, const char *train, const char *test, size_t *train_rows,
                             size_t *test_rows, struct weir_error *error);

#endif
