/* Header lines of CSV files and names of columns. Any thread. */
#ifndef WEIR_DATA_HEADER_H
#define WEIR_DATA_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

/* Splits a CSV file's first line into names, as they are written (quotes removed). The delimiter is the one of , ; | and tab
 * that comes most often outside quotes, or tab for `tab`. WEIR_ERR_FORMAT when the line is blank. WEIR_ERR_LIMIT beyond 4,096
 * columns, WEIR_ERR_MEMORY. The caller frees each name and the array. */
weir_err weir_header_cells(const char *path, const char *line, bool tab, char *delimiter, char ***names, size_t *count,
                           struct weir_error *error);

/* Whether a first line is data and no header: most of its cells are numbers (a plain count 0, 1, 2, ... is taken for names). */
bool weir_header_is_data(char *const *cells, size_t count);

/* Both: WEIR_ERR_FORMAT too when the line is data. */
weir_err weir_header_split(const char *path, const char *line, bool tab, char *delimiter, char ***names, size_t *count,
                           struct weir_error *error);

/* For a line that is data: says so. Returns WEIR_ERR_FORMAT. */
weir_err weir_header_none(const char *path, const char *line, struct weir_error *error);

/* Names for use: without blanks around, column<index> for an empty one, _1, _2, ... behind one that came before in any case.
 * A new array of `count` texts that the caller frees, NULL when memory is out. */
char **weir_header_names(char *const *raw, size_t count);

#endif
