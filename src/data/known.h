/* Data sets that weir knows by their header: which column is the label, what says benign, what must not be learned from.
 * Constant; any thread. */
#ifndef WEIR_DATA_KNOWN_H
#define WEIR_DATA_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "data/relation.h"

struct weir_known {
    const char *name;
    const char *const *signature; /* the columns that tell it, NULL-terminated */
    const char *label;            /* default label column */
    const char *benign;           /* its value for normal traffic */
    const char *category;         /* the label column with the attack's kind, for --multiclass; may be the same */
    const char *category_benign;
    /* What names hosts, times, rows or the laboratory, and what gives the label away; NULL-terminated. */
    const char *const *identifiers;
    const char *const *leaks;
};

/* The first whose signature columns are all in the source (case does not count), or NULL. */
const struct weir_known *weir_known_find(const struct weir_relation *source);

/* The benign value for a label column of the data set, NULL if that column is none of its labels. */
const char *weir_known_benign(const struct weir_known *known, const char *label);

/* Whether a NULL-terminated list names the column; case does not count. */
bool weir_known_lists(const char *const *list, const char *column);

#endif
