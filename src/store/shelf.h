/* A DuckDB session that reads a store, a file or a folder: `verdicts`, `reasons`, `runs`, `health` and `outages` are all of it.
 * One thread.
 */
#ifndef WEIR_STORE_SHELF_H
#define WEIR_STORE_SHELF_H

#include "data/duck.h"

/* Opens what is at `path`. A folder's files are attached to a session in memory and joined by views; those that another process
 * writes are left out with a warning that names them. Errors of weir_duck_open; WEIR_ERR_NOT_FOUND also for a folder without a
 * file of a store, WEIR_ERR_BUSY when all that it has are being written. */
weir_err weir_shelf_open(const char *path, struct weir_duck **out, struct weir_error *error);

/* For a connection beside the writer of a folder (weir_store_connect), one at a time: the closed files are attached as well, and
 * temporary views join them with the open one. */
weir_err weir_shelf_join(struct weir_duck *duck, const char *folder, struct weir_error *error);

/* Detaches them; the connection must be in no transaction. */
void weir_shelf_leave(struct weir_duck *duck);

#endif
