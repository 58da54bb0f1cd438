/* Rows of a query over a store's file. One thread. */
#ifndef WEIR_CLI_ROWS_LOCAL_H
#define WEIR_CLI_ROWS_LOCAL_H

#include "cli/rows_print.h"

struct weir_rows_limits {
    uint64_t rows; /* 0: all */
    uint64_t memory_mib;
    int64_t timeout_ns;
};

struct weir_rows_local; /* begins with its struct weir_rows */

/* Errors of weir_sql_open and weir_sql_run. The caller closes it. */
weir_err weir_rows_local_open(const char *store, const char *sql, const struct weir_rows_limits *limits,
                              struct weir_rows_local **out, struct weir_error *error);

/* Sets *local to NULL; NULL-safe. */
void weir_rows_local_close(struct weir_rows_local **local);

#endif
