/* The guard: what other people's SQL may name before DuckDB binds it.
 *
 * A DuckDB without access to files still reads those of the attached databases, as bytes, and binding a reading function already
 * opens its file. So the statement is parsed first, by DuckDB itself, and what stands in it is held against lists: table
 * functions that look at tables, the catalog or at nothing, and names of tables that cannot mean a file. One thread.
 */
#ifndef WEIR_STORE_GUARD_H
#define WEIR_STORE_GUARD_H

#include "data/duck.h"

/* WEIR_OK for one SELECT (also WITH, FROM, SHOW, DESCRIBE, SUMMARIZE) or EXPLAIN that names no file and no other function;
 * WEIR_ERR_ARGUMENT for what is refused, WEIR_ERR_LIBRARY for what DuckDB cannot parse, WEIR_ERR_MEMORY. */
weir_err weir_guard_check(struct weir_duck *duck, const char *sql, struct weir_error *error);

#endif
