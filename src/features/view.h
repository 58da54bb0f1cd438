/* Views: feature sets and their columns.
 *
 * A view is a feature set's lifecycle (what a key is, where records begin and end, which side is the source) and its table of
 * columns. The text of the table hashes to the feature-set id; a model is only used with the id that it was trained on. Views are
 * constant; any thread.
 */
#ifndef WEIR_FEATURES_VIEW_H
#define WEIR_FEATURES_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/record.h"

enum weir_column_type {
    WEIR_COLUMN_INTEGER, /* whole numbers */
    WEIR_COLUMN_REAL,
    WEIR_COLUMN_TIME,     /* epoch; `value` gives seconds */
    WEIR_COLUMN_CATEGORY, /* `value` gives the code of the column's fixed table, NaN for a text outside it; `text` the text */
    WEIR_COLUMN_TEXT      /* no number: `value` is NULL */
};

struct weir_column {
    const char *name;       /* as in ra, lower case */
    const char *unit;       /* "" if none */
    const char *definition; /* one sentence */
    enum weir_column_type type;
    bool identifier; /* names hosts, times or the capture, not behaviour: no model uses it unless asked to */
    /* The number, NaN when missing. */
    double (*value)(const struct weir_record *record);
    /* Text as `ra -n -u -p 6 -c ,` prints it, outer blanks removed, NUL terminated; returns its length, < size (128 is enough).
     * NULL: the number is printed by type. */
    size_t (*text)(const struct weir_record *record, char *out, size_t size);
    const char *const *categories; /* WEIR_COLUMN_CATEGORY: NULL-terminated texts, code = index */
};

struct weir_view_ops; /* the lifecycle: features/meter.h's business */

struct weir_view {
    const char *name; /* "argus" */
    const struct weir_column *columns;
    size_t column_count;
    const struct weir_view_ops *ops;
};

/* By name; NULL if there is none. weir_view_names: "argus, ..." for messages. */
const struct weir_view *weir_view_find(const char *name);
const char *weir_view_names(void);

/* All views, NULL-terminated. */
const struct weir_view *const *weir_view_all(void);

/* 64-bit hash (XXH3) of the view's name, constants and of each column's name, unit, type, definition and categories. */
uint64_t weir_view_id(const struct weir_view *view);

/* Index of the column, or -1. */
int weir_view_column(const struct weir_view *view, const char *name);

/* Code of a category text of a WEIR_COLUMN_CATEGORY column, or -1. */
int weir_column_code(const struct weir_column *column, const char *text);

/* The text of a category's code, or NULL when it is no code of this column. */
const char *weir_column_text(const struct weir_column *column, double code);

#endif
