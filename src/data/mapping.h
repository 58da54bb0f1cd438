/* What a description of a data set makes of its cells, as SQL expressions of DuckDB. Names and texts of a description are quoted:
 * it can say nothing but what data/known.h has. Any thread. */
#ifndef WEIR_DATA_MAPPING_H
#define WEIR_DATA_MAPPING_H

#include <stddef.h>
#include <stdio.h>

#include "data/known.h"

/* Writes a name as a quoted SQL identifier, a text as a quoted SQL literal. */
void weir_sql_name(FILE *to, const char *name);
void weir_sql_text(FILE *to, const char *text);

/* The column's cell, NULL where the description (may be NULL) says it is not available. */
void weir_mapping_cell(FILE *to, const char *column, const struct weir_known_column *known);

/* The column's label as VARCHAR, other spellings (of `label`, may be NULL) replaced. */
void weir_mapping_label(FILE *to, const char *column, const struct weir_known_label *label);

/* "expression AS name, ..." for all common columns from a data set with the columns `names`; NULL for what it does not have. */
void weir_mapping_common(FILE *to, const struct weir_known *known, char *const *names, size_t count);

#endif
