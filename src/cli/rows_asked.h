/* Rows of a query that a running weir answers. One thread. */
#ifndef WEIR_CLI_ROWS_ASKED_H
#define WEIR_CLI_ROWS_ASKED_H

#include "cli/ask.h"
#include "cli/rows_local.h"

struct weir_rows_asked; /* begins with its struct weir_rows */

/* Asks; `ask` outlives it. Errors of weir_ask_send and weir_ask_next; WEIR_ERR_MISMATCH with the words of the running weir. */
weir_err weir_rows_asked_open(struct weir_ask *ask, const char *sql, const struct weir_rows_limits *limits,
                              struct weir_rows_asked **out, struct weir_error *error);

/* After the last row: WEIR_OK, or why it was the last. */
weir_err weir_rows_asked_status(const struct weir_rows_asked *asked, struct weir_error *error);

/* Sets *asked to NULL; NULL-safe. */
void weir_rows_asked_close(struct weir_rows_asked **asked);

#endif
