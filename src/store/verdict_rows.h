/* Verdicts as rows of the tables `verdict_rows` and `reason_rows` (store/schema.c), gathered for DuckDB. store.c's own; one
 * thread.
 */
#ifndef WEIR_STORE_VERDICT_ROWS_H
#define WEIR_STORE_VERDICT_ROWS_H

#include "batch/verdict.h"
#include "store/context.h"
#include "store/gather.h"

/* A gather for one of the two tables, as weir_gather_init; `path` names the file in messages and outlives it. */
weir_err weir_verdict_rows_begin(struct weir_gather *gather, struct weir_duck *duck, const char *path, struct weir_error *error);
weir_err weir_reason_rows_begin(struct weir_gather *gather, struct weir_duck *duck, const char *path, struct weir_error *error);

/* The rows of one batch, and those of its alerts' causes, after weir_contexts_choose. Errors are DuckDB's. */
weir_err weir_verdict_rows_put(struct weir_gather *gather, struct weir_contexts *contexts, const struct weir_verdicts *verdicts,
                               struct weir_error *error);
weir_err weir_reason_rows_put(struct weir_gather *gather, struct weir_contexts *contexts, const struct weir_verdicts *verdicts,
                              struct weir_error *error);

#endif
