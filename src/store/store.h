/* The store: verdicts into DuckDB from one writer.
 *
 * Tables `verdicts` and `reasons` (columns: docs/design.md, "What programs read"), `runs`, `health`, `meta` with the schema's
 * version. An existing file is appended to, as a new run. Rows are appended by data chunks and become durable with
 * weir_store_commit. A store belongs to one thread.
 */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include <stdint.h>

#include "batch/verdict.h"
#include "weir/error.h"

struct weir_store;

struct weir_store_config {
    const char *path;    /* the .duckdb file; ":memory:" for benches and tests */
    const char *sensor;  /* sensor id */
    const char *command; /* the command line, kept in `runs` */
};

/* Opens or creates, checks the schema version, begins a run. Errors of weir_duck_open; WEIR_ERR_MISMATCH for a schema of another
 * version or a database with other tables of these names. */
weir_err weir_store_open(const struct weir_store_config *config, struct weir_store **out, struct weir_error *error);

/* Rolls back what is not committed, closes, sets *store to NULL. NULL-safe. */
void weir_store_close(struct weir_store **store);

/* The run's UUID text. */
const char *weir_store_run(const struct weir_store *store);

/* Appends the rows of one batch and the causes of its alerts. On failure nothing of this batch is kept, earlier batches of the
 * open transaction are. */
weir_err weir_store_append(struct weir_store *store, const struct weir_verdicts *verdicts, struct weir_error *error);

/* Commits what was appended; *rows (may be NULL): how many rows became durable. On failure all uncommitted rows are gone. */
weir_err weir_store_commit(struct weir_store *store, uint64_t *rows, struct weir_error *error);

/* Writes a health row: the account as JSON text. Durable with the next commit. */
weir_err weir_store_health(struct weir_store *store, int64_t time_ns, const char *account_json, struct weir_error *error);

/* Ends the run: keeps the closing account in `runs`, commits. */
weir_err weir_store_finish(struct weir_store *store, const char *account_json, struct weir_error *error);

#endif
