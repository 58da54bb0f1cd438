/* A DuckDB session: one database, one connection (and more, for other threads).
 *
 * weir reads data files (CSV, Parquet, JSON) and keeps its results through DuckDB; this file pair is the one place that opens it.
 * A session belongs to one thread at a time. Errors carry DuckDB's own message on one line.
 * Source: DuckDB's C API, duckdb.h. */
#ifndef WEIR_DATA_DUCK_H
#define WEIR_DATA_DUCK_H

#include <duckdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_duck {
    duckdb_database database;
    duckdb_connection connection;
};

struct weir_duck_config {
    const char *path; /* NULL: in memory */
    bool read_only;   /* the file must exist */
    unsigned threads; /* 0: DuckDB's default */
};

/* Opens a session. WEIR_ERR_BUSY when another process has the file open (the message says what to do), WEIR_ERR_PERMISSION,
 * WEIR_ERR_NOT_FOUND, WEIR_ERR_FORMAT for a file that is no database, WEIR_ERR_LIBRARY else. The caller closes it. */
weir_err weir_duck_open(const struct weir_duck_config *config, struct weir_duck **out, struct weir_error *error);

/* Another connection to the same open database, for a thread of its own; `duck` outlives it. Any thread. The caller closes it. */
weir_err weir_duck_connect(struct weir_duck *duck, struct weir_duck **out, struct weir_error *error);

/* Closes and sets *duck to NULL; NULL and *duck == NULL are allowed. */
void weir_duck_close(struct weir_duck **duck);

/* Makes an error of DuckDB's message: the code by its kind (WEIR_ERR_BUSY, _PERMISSION, _NOT_FOUND, _FORMAT, _FULL for a full
 * disk, _IO; else WEIR_ERR_LIBRARY), the text with what to do. The functions below fail with it. */
weir_err weir_duck_fail(const char *text, struct weir_error *error);

/* Runs one or more statements, results are thrown away. */
weir_err weir_duck_run(struct weir_duck *duck, const char *sql, struct weir_error *error);

/* Runs one statement; on WEIR_OK the caller frees *result with duckdb_destroy_result. */
weir_err weir_duck_query(struct weir_duck *duck, const char *sql, duckdb_result *result, struct weir_error *error);

/* Runs one statement with text for its parameters (NULL: a null). */
weir_err weir_duck_run_with(struct weir_duck *duck, const char *sql, const char *const *values, unsigned count,
                            struct weir_error *error);

/* The UBIGINT that a query gives as its first cell. */
weir_err weir_duck_number(struct weir_duck *duck, const char *sql, uint64_t *out, struct weir_error *error);

/* `text` as an SQL string, in quotes; free it. NULL: out of memory. */
char *weir_duck_quote(const char *text);

/* For sessions that run other people's SQL: no files, no network, no extensions, configuration locked. Cannot be undone. */
weir_err weir_duck_lock(struct weir_duck *duck, struct weir_error *error);

#endif
