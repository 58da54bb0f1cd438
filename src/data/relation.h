/* Where rows come from: data files or a query, through DuckDB.
 *
 * It is a DuckDB session that holds one relation, called WEIR_RELATION in SQL, in the order of the files and their lines. Column
 * names lose the blanks around them; a name that comes again gets _1, _2, ... (case does not count, as in SQL); one without a
 * name is called column<index>. Files may have different columns: what one lacks is missing there.
 *
 * CSV cells stay texts, as they are in the file: a byte order mark, CRLF, the delimiters , ; | and tab, gzip and zstd are dealt
 * with, the first line must be a header, unless the data set is known to have none. What is known of a data set (data/known.h) is
 * found by the columns, or forced. With `common` the relation has the common columns instead, of files of different data sets.
 * Parquet and JSON keep their types. A relation belongs to one thread. */
#ifndef WEIR_DATA_RELATION_H
#define WEIR_DATA_RELATION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "data/duck.h"
#include "data/known.h"
#include "data/mapping.h"
#include "weir/error.h"

#define WEIR_RELATION "weir_data"

struct weir_relation_column {
    char *name; /* unique in the source */
    char *raw;  /* with its blanks, as the (first) file writes it; the same as `name` when that had to be made or changed */
    bool text;  /* cells are texts, which may read as numbers; else they have a numeric type */
    bool unnamed;
    const struct weir_known_column *known; /* what the description says, or NULL */
    const struct weir_known_label *labels; /* the same, when it is a column of labels */
};

struct weir_relation {
    struct weir_duck *duck;
    struct weir_relation_column *columns;
    size_t column_count;
    const struct weir_known *known; /* the data set, or NULL */
    char *origin;                   /* for messages: "x.csv", "x.csv and 3 more files", "the query" */
    bool csv_alone;                 /* every cell is a text of a CSV file */
    const volatile sig_atomic_t *stop;
    uint64_t read;       /* rows of the query so far, for people who wait */
    int64_t began, told; /* monotonic nanoseconds: of the query, and when that was told */
};

struct weir_relation_config {
    const char *const *paths; /* files or glob patterns, in this order; a pattern's files in the order of their names */
    size_t path_count;
    const char *sql;                /* or a query; its result is held in memory */
    const struct weir_known *known; /* which data set it is; it outlives the relation. NULL: found by the columns */
    bool unknown;                   /* do not look for it */
    bool common;                    /* the common columns; files only, each of a data set that is known */
    /* Not 0: reading ends with WEIR_ERR_CLOSED. NULL: never. */
    const volatile sig_atomic_t *stop;
};

/* Opens files or query and learns the columns. WEIR_ERR_NOT_FOUND, _PERMISSION, _IO for a file; WEIR_ERR_FORMAT for an empty
 * file, one without a header or one that cannot be read; WEIR_ERR_MISMATCH for one that cannot be of the data set,
 * WEIR_ERR_NOT_FOUND for one of an unknown data set where common columns are wanted; WEIR_ERR_LIBRARY for a query that DuckDB
 * refuses; WEIR_ERR_MEMORY. */
weir_err weir_relation_open(const struct weir_relation_config *config, struct weir_relation **out, struct weir_error *error);

/* NULL-safe; sets *source to NULL. */
void weir_relation_close(struct weir_relation **source);

/* Index of a column, case does not count, or -1. Where no column has the name, the one that has blanks for its underlines:
 * LightGBM writes "Src Port" as "Src_Port" into its models. */
int weir_relation_find(const struct weir_relation *source, const char *name);

/* Starts a query over the relation whose rows are then taken one chunk after the other; nothing but a chunk is held in memory.
 * What takes long is told on a terminal (weir_log_passing). On WEIR_OK the caller ends it with duckdb_destroy_result. */
weir_err weir_relation_query(struct weir_relation *source, const char *sql, duckdb_result *result, struct weir_error *error);

/* The next chunk, which the caller destroys; *chunk is NULL after the last. Errors of the data (a line with too few cells, ...)
 * come here: WEIR_ERR_FORMAT names file and line. */
weir_err weir_relation_fetch(struct weir_relation *source, duckdb_result *result, duckdb_data_chunk *chunk,
                             struct weir_error *error);

/* Makes DuckDB's message about reading data into one line with file, line and remedy. */
weir_err weir_relation_fail(const struct weir_relation *source, const char *message, struct weir_error *error);

#endif
