/* Rows on their way into one table of DuckDB: vectors that are filled in place, then appended. store.c's own; one thread.
 *
 * A row's cells are written straight into the vectors: ((TYPE *)gather->data[column])[row] = value. Every cell that is not set by
 * weir_gather_text or _null must be written so.
 */
#ifndef WEIR_STORE_GATHER_H
#define WEIR_STORE_GATHER_H

#include "data/duck.h"

#define WEIR_GATHER_COLUMNS 24

struct weir_gather_config {
    struct weir_duck *duck; /* an attached database called "store" */
    const char *path;       /* for messages */
    const char *table;
    const duckdb_type *types;
    unsigned columns; /* <= WEIR_GATHER_COLUMNS */
    unsigned strings; /* columns of text, at most WEIR_TEXT_ROOM bytes a cell */
};

struct weir_gather {
    void *data[WEIR_GATHER_COLUMNS]; /* of the vectors */
    /* private */
    struct weir_gather_config config;
    duckdb_appender appender; /* NULL: none */
    duckdb_data_chunk chunk;
    duckdb_vector vector[WEIR_GATHER_COLUMNS];
    uint64_t *valid[WEIR_GATHER_COLUMNS]; /* of the columns that have a null in this chunk, else NULL */
    unsigned rows;
    char *text; /* strings that do not fit in their cell, until the chunk is appended */
    size_t text_used;
};

/* The config's pointers outlive the gather. */
weir_err weir_gather_init(struct weir_gather *gather, const struct weir_gather_config *config, struct weir_error *error);

/* Safe on zeroes. */
void weir_gather_fini(struct weir_gather *gather);

/* Makes the appender if there is none. */
weir_err weir_gather_begin(struct weir_gather *gather, struct weir_error *error);

/* A new row; full vectors are appended first. */
weir_err weir_gather_row(struct weir_gather *gather, unsigned *row, struct weir_error *error);
void weir_gather_text(struct weir_gather *gather, unsigned row, unsigned column, const char *text, size_t length);
void weir_gather_null(struct weir_gather *gather, unsigned row, unsigned column);

/* Puts all rows into the table, in the open transaction. */
weir_err weir_gather_flush(struct weir_gather *gather, struct weir_error *error);

/* Lets go of the rows that are gathered, and of the appender, whose own rows go into the open transaction. Safe on zeroes. */
void weir_gather_drop(struct weir_gather *gather);

#endif
