/* Code tables: the texts of a categorical column and their codes 0, 1, 2, ...
 *
 * A table is made from a list (codes in the list's order) or collected from data and then sorted, so that equal data gives equal
 * codes whatever their order. Blanks around a text do not count. Writing: one thread; reading a finished table: any thread. */
#ifndef WEIR_DATA_CATEGORIES_H
#define WEIR_DATA_CATEGORIES_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_categories {
    char **text; /* by code; owned */
    size_t count;
    uint32_t *slot; /* open addressing, code + 1, 0 = free; private */
    size_t slots;   /* power of two */
};

/* Frees the contents and leaves an empty table; {0} is one. */
void weir_categories_fini(struct weir_categories *table);

/* The code of a text (not NUL-terminated), or -1. */
int64_t weir_categories_find(const struct weir_categories *table, const char *text, size_t length);

/* As find, but a new text gets the next code. WEIR_ERR_MEMORY; WEIR_ERR_LIMIT beyond 2^31 texts. */
weir_err weir_categories_add(struct weir_categories *table, const char *text, size_t length, uint32_t *code);

/* Sorts the texts by their bytes; remap[old code] = new code (`remap` holds `count` entries). WEIR_ERR_MEMORY leaves the table
 * as it was. */
weir_err weir_categories_sort(struct weir_categories *table, uint32_t *remap);

#endif
