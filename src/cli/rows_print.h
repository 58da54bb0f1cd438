/* Prints rows of SQL answers: as a table, CSV, JSON lines or one JSON object. One thread. */
#ifndef WEIR_CLI_ROWS_PRINT_H
#define WEIR_CLI_ROWS_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "store/sql.h"

/* Rows, wherever they come from. The arrays have `columns` entries; the source owns everything. */
struct weir_rows {
    size_t columns;
    const char *const *name;
    const char *const *type;
    const enum weir_cell_kind *kind;
    /* The next row's cells, valid until the next call; NULL at the end, `cut` is right then. */
    const struct weir_cell *(*next)(struct weir_rows *rows);
    bool cut; /* rows were left out by the limit */
};

enum weir_rows_format { WEIR_ROWS_TABLE, WEIR_ROWS_CSV, WEIR_ROWS_JSONL, WEIR_ROWS_JSON };

/* False when memory is out. Whether `to` took it all is for the caller to ask (fflush, ferror). */
bool weir_rows_print(struct weir_rows *rows, enum weir_rows_format format, FILE *to);

#endif
