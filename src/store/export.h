/* Flow records to a file: CSV, JSON lines, Parquet (through DuckDB). One thread. */
#ifndef WEIR_STORE_EXPORT_H
#define WEIR_STORE_EXPORT_H

#include <stdbool.h>

#include "features/view.h"
#include "weir/error.h"

enum weir_format { WEIR_FORMAT_CSV, WEIR_FORMAT_JSONL, WEIR_FORMAT_PARQUET };

/* --format text, else the path's extension, else CSV. WEIR_ERR_ARGUMENT for an unknown text. */
weir_err weir_format_choose(const char *format, const char *path, enum weir_format *out, struct weir_error *error);

struct weir_export;

struct weir_export_config {
    const struct weir_view *view;
    const char *path; /* "-" or NULL: standard output. A regular file is written beside and renamed by weir_export_finish. */
    enum weir_format format;
    bool nanoseconds; /* times with nine decimals */
};

weir_err weir_export_open(const struct weir_export_config *config, struct weir_export **out, struct weir_error *error);
weir_err weir_export_record(struct weir_export *export, const struct weir_record *record, struct weir_error *error);

/* Completes the file (rename), closes, sets *export to NULL. */
weir_err weir_export_finish(struct weir_export **export, struct weir_error *error);

/* Throws the unfinished file away, sets *export to NULL. NULL-safe. */
void weir_export_abort(struct weir_export **export);

#endif
