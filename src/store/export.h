/* Flow records to a file: CSV, JSON lines, Parquet (through DuckDB).
 *
 * A record is first made into bytes (weir_export_encode: any thread, the body need not live longer), then these are written
 * (weir_export_write: one thread at a time), so that several lanes can do the first part at once and the second in one order.
 *
 * CSV: a header, then text as ra prints it where the column has a text, else the number: whole numbers as such, others so that
 * they read back exactly, times with six or nine decimals; missing = empty. JSON lines: null for what is missing, numbers where
 * the column has one, text for categories. Parquet: BIGINT, DOUBLE and VARCHAR likewise.
 */
#ifndef WEIR_STORE_EXPORT_H
#define WEIR_STORE_EXPORT_H

#include <stdbool.h>

#include "features/view.h"
#include "weir/error.h"

enum weir_format { WEIR_FORMAT_CSV, WEIR_FORMAT_JSONL, WEIR_FORMAT_PARQUET };

/* --format text, else the path's extension, else CSV. WEIR_ERR_ARGUMENT for an unknown text. NULL is allowed for both. */
weir_err weir_format_choose(const char *format, const char *path, enum weir_format *out, struct weir_error *error);

struct weir_export;

struct weir_export_config {
    const struct weir_view *view;
    const uint16_t *columns; /* indices in the view, `column_count` of them; NULL: all. Not kept. */
    size_t column_count;
    const char *path; /* "-" or NULL: standard output. A regular file is written beside and renamed by weir_export_finish. */
    enum weir_format format;
    bool nanoseconds; /* times with nine decimals */
    bool at_once;     /* each record is written as it comes, unless it goes to a file or is a row of Parquet */
};

/* Errors of weir_output_open; WEIR_ERR_MEMORY. */
weir_err weir_export_open(const struct weir_export_config *config, struct weir_export **out, struct weir_error *error);

/* Room that weir_export_encode needs for any record. */
size_t weir_export_room(const struct weir_export *export);

/* Makes a record into bytes; returns how many. Any thread. */
size_t weir_export_encode(const struct weir_export *export, const struct weir_record *record, char *out);

/* Writes an encoded record. Errors of weir_output_flush and weir_duck_fail. */
weir_err weir_export_write(struct weir_export *export, const char *bytes, size_t length, struct weir_error *error);

/* Completes the file (rename), closes, sets *export to NULL. On failure there is no new file. */
weir_err weir_export_finish(struct weir_export **export, struct weir_error *error);

/* Throws the unfinished file away, sets *export to NULL. NULL-safe. */
void weir_export_abort(struct weir_export **export);

#endif
