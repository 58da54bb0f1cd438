/* The store's schema: its SQL, and whether a database has it. store.c's own; one thread. */
#ifndef WEIR_STORE_SCHEMA_H
#define WEIR_STORE_SCHEMA_H

#include "data/duck.h"

/* In an attached and chosen database: makes the tables when there is nothing at all, and the views, which carry the names of
 * reasons and protocols, anew. WEIR_ERR_MISMATCH for another schema version or a database that is no store, and what DuckDB says;
 * the message is without the file's path. */
weir_err weir_schema_prepare(struct weir_duck *duck, struct weir_error *error);

#endif
