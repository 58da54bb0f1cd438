/* The lake: the verdicts of a store as Parquet files in folders by date and sensor, for any engine that reads those:
 *
 *   DIR/date=2026-11-22/sensor=tap%201/3f0c9a7e51d2b846-00000017.parquet      the columns of `verdicts`, but for `sensor`, and
 *                                                                             `reasons`
 *
 * date is that of a record's first packet, UTC; names are percent-encoded. The rows of a store's file are cut into chunks, in
 * their order; the table `lake` has the chunk before its files are made, and a file's name is that of its store and chunk. So
 * what is made again after a kill has the same name and the same rows, and in the end the lake has what the store has: each file
 * is made beside its name and renamed when it is complete. store.c's own; one thread.
 *
 *   lake(chunk, first, last, written)    rows first to last - 1 of verdict_rows
 */
#ifndef WEIR_STORE_LAKE_H
#define WEIR_STORE_LAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "data/duck.h"

#define WEIR_LAKE_ROWS 262144
#define WEIR_LAKE_NS   ((int64_t)60 * 1000000000)

struct weir_lake;

/* Makes the folder if it is not there (its parent must be). every_ns: longest wait of a row; 0: WEIR_LAKE_NS. WEIR_ERR_NOT_FOUND,
 * _PERMISSION, _IO, _MEMORY. */
weir_err weir_lake_open(const char *folder, int64_t every_ns, struct weir_lake **out, struct weir_error *error);
void weir_lake_close(struct weir_lake **lake); /* NULL-safe */

/* The store's file is `duck`, in no transaction; what of it is in the lake is read there. Errors are DuckDB's. */
weir_err weir_lake_begin(struct weir_lake *lake, struct weir_duck *duck, struct weir_error *error);

/* Cuts a chunk when `rows` (what the file has committed since weir_lake_begin, or more) and the time say so, or `all`; and writes
 * what is cut. In no transaction. After a failure it goes on where it was. */
weir_err weir_lake_write(struct weir_lake *lake, struct weir_duck *duck, uint64_t rows, bool all, struct weir_error *error);

/* The closed files of a folder of stores, but for `except` (a path): those that a lake was begun with and not finished. */
weir_err weir_lake_catch_up(struct weir_lake *lake, const char *folder, const char *except, struct weir_error *error);

#endif
