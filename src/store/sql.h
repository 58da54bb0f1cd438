/* SQL of other people over a store, within limits.
 *
 * A session opens the store's file for reading, with no way to other files, the network or extensions, and with bounds for rows,
 * time and memory, or reads beside the writer of an open store. Every cell comes as text. One thread.
 */
#ifndef WEIR_STORE_SQL_H
#define WEIR_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_sql;
struct weir_store;

/* What a query beside the writer may hold. */
#define WEIR_SQL_MEMORY (256u << 20)

/* Opens the store. `memory_bytes` bounds what queries may hold (nothing is spilled to disk). WEIR_ERR_BUSY when a running weir
 * owns the file, WEIR_ERR_NOT_FOUND, WEIR_ERR_PERMISSION, WEIR_ERR_FORMAT. The caller closes it. */
weir_err weir_sql_open(const char *path, uint64_t memory_bytes, struct weir_sql **out, struct weir_error *error);

/* A session on a store that is being written, on a connection of its own in a transaction that only reads: it sees what is
 * committed now, and does not hold up the writer. Functions of DuckDB that reach beyond reading (checkpoint, enable_logging, ...)
 * are refused. `memory_bytes` is watched: DuckDB has one limit for all connections. One such session at a time; it is closed
 * before the store. Any thread. WEIR_ERR_LIBRARY, _MEMORY. */
weir_err weir_sql_attach(struct weir_store *store, uint64_t memory_bytes, struct weir_sql **out, struct weir_error *error);

/* Breaks off what the session is at, and all that it is asked later: WEIR_ERR_LIMIT if its time is over, else WEIR_ERR_CLOSED.
 * Any thread. weir_sql_run looks at its clock itself between DuckDB's tasks; this ends a task that is long, too. */
void weir_sql_cancel(struct weir_sql *session);

/* Sets *session to NULL; NULL-safe. Rows must have been freed. */
void weir_sql_close(struct weir_sql **session);

/* How a cell's text is to be understood. */
enum weir_cell_kind {
    WEIR_CELL_TEXT,
    WEIR_CELL_NUMBER,  /* digits, but also "nan", "inf", "-inf" */
    WEIR_CELL_BOOLEAN, /* "true", "false" */
    WEIR_CELL_JSON     /* a list, struct or map, as JSON */
};

struct weir_answer;

/* Runs one SELECT (also WITH, FROM, SHOW, DESCRIBE, SUMMARIZE) or EXPLAIN. At most `limit` rows are given (0: all).
 * WEIR_ERR_ARGUMENT for other statements or several; WEIR_ERR_LIMIT when the time or the memory is used up; WEIR_ERR_LIBRARY with
 * DuckDB's message else. The caller frees *out. */
weir_err weir_sql_run(struct weir_sql *session, const char *sql, uint64_t limit, int64_t timeout_ns, struct weir_answer **out,
                      struct weir_error *error);
void weir_answer_free(struct weir_answer **rows);

size_t weir_answer_columns(const struct weir_answer *rows);
const char *weir_answer_name(const struct weir_answer *rows, size_t column);
const char *weir_answer_type(const struct weir_answer *rows,
                             size_t column); /* "VARCHAR", "UINTEGER", ...; nested types: "JSON" */
enum weir_cell_kind weir_answer_kind(const struct weir_answer *rows, size_t column);

struct weir_cell {
    const char *text; /* not NUL terminated; NULL: a null */
    size_t length;
};

/* The next row's cells, valid until the next call; NULL at the end. */
const struct weir_cell *weir_answer_next(struct weir_answer *rows);

/* After the last row: true when rows were left out by the limit. */
bool weir_answer_cut(const struct weir_answer *rows);

#endif
