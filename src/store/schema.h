/* The store's schema: its SQL, and whether a database has it. store.c's own; one thread. */
#ifndef WEIR_STORE_SCHEMA_H
#define WEIR_STORE_SCHEMA_H

#include <stddef.h>
#include <stdio.h>

#include "data/duck.h"

/* From one version to the next: plain SQL over the tables; the views are made anew afterwards. */
struct weir_migration {
    int from; /* leads to from + 1 */
    const char *sql;
};

struct weir_migrations {
    int version; /* where the steps lead: what this weir writes */
    const struct weir_migration *step;
    size_t count;
};

/* In an attached and chosen database: makes the tables when there is nothing at all, brings an older version to this one, and
 * makes the views, which carry the names of reasons and protocols, anew. In a transaction of the caller's, so that a step that
 * fails leaves the store as it was. WEIR_ERR_MISMATCH for a newer version, an older one that no step leads away from, or a
 * database that is no store; and what DuckDB says. The message is without the file's path. */
weir_err weir_schema_prepare(struct weir_duck *duck, struct weir_error *error);

/* The same with other steps, for tests. */
weir_err weir_schema_prepare_with(struct weir_duck *duck, const struct weir_migrations *migrations, struct weir_error *error);

/* What of a file is in the lake: store/lake.h. */
#define WEIR_LAKE_SQL "CREATE TABLE IF NOT EXISTS lake(chunk UBIGINT, first UBIGINT, last UBIGINT, written BOOLEAN);"

/* The SELECT of the view `verdicts`, over verdict_rows as v and contexts as c; further joins and conditions may follow. `more`
 * goes behind its columns: ", x.y", or "". */
void weir_schema_put_verdicts(FILE *to, const char *more);

#endif
