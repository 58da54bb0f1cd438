/* A data set in memory: float32 columns and labels.
 *
 * Cells become numbers: finite float32, NaN for missing. Infinite values and those beyond float32 count as missing, as do cells
 * that hold no number in a column of numbers. Texts of a categorical column become the codes of its table; a text outside the
 * table is missing, an empty cell too, unless the table has the empty text. Whatever is turned into missing is counted. Rows keep
 * the order of the source.
 *
 * There are two ways to read. Learning (config.columns NULL): every column that is not the label and not excluded is taken;
 * a column of texts gets a code table (a column of numbers in which one cell of a hundred or fewer is none stays one); one that
 * would identify rows (more than WEIR_DATASET_CATEGORIES different texts, or no two alike, or addresses) or holds nothing is left
 * out, with a message. Using (config.columns set): the columns and tables of a model, in its order; all must be there. A data set
 * belongs to one thread while it is read; then any thread may read it. */
#ifndef WEIR_DATA_DATASET_H
#define WEIR_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "data/categories.h"
#include "data/relation.h"
#include "weir/error.h"

enum { WEIR_DATASET_CATEGORIES = 256 };

struct weir_dataset_column {
    char *name;
    struct weir_categories categories; /* count 0: a column of numbers */
    uint64_t missing;                  /* cells without a value */
    uint64_t endless;                  /* infinite, or beyond float32: now missing */
    uint64_t unknown;                  /* a text outside the table, or no number: now missing */
    float *values;                     /* [rows] */
};

#define WEIR_SIDE_MISSING INT64_MIN

/* A column that is carried beside the others, for splits alone. */
enum weir_side {
    WEIR_SIDE_NONE,
    WEIR_SIDE_GROUP,         /* codes of the texts of its cells, sorted */
    WEIR_SIDE_TIME,          /* weir_epoch_read: seconds since 1970, or a date (year first) and a time; nanoseconds */
    WEIR_SIDE_TIME_DAY_FIRST /* weir_epoch_read_day_first: 14/02/2018 08:31:01 */
};

struct weir_dataset {
    size_t rows;
    struct weir_dataset_column *columns;
    size_t column_count;
    uint32_t *labels;                    /* [rows], index in label_values; NULL without a label column */
    struct weir_categories label_values; /* sorted */
    uint64_t unlabelled;                 /* rows left out because their label is empty */
    int64_t *side;                       /* [rows], WEIR_SIDE_MISSING: no group or time; NULL without a side column */
    struct weir_categories side_values;  /* of groups */
};

struct weir_dataset_config {
    const char *label;          /* label column, NULL: none */
    const char *const *exclude; /* columns that are not learned from */
    size_t exclude_count;
    const struct weir_dataset_column *columns; /* names and tables to use; NULL: learn them */
    size_t column_count;
    const char *side_column; /* may be excluded, or be a column or the label too; NULL with WEIR_SIDE_NONE */
    enum weir_side side;
    /* Fixed code tables while learning (a view's): NULL-terminated texts for a column, code = index, or NULL. */
    const char *const *(*fixed_categories)(const char *column, const void *context);
    const void *context;
};

/* Reads everything. WEIR_ERR_NOT_FOUND for a missing column (the message lists what is there), WEIR_ERR_FORMAT for data without
 * rows or damaged data, WEIR_ERR_CLOSED when interrupted, WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. The caller frees. */
weir_err weir_dataset_read(struct weir_relation *source, const struct weir_dataset_config *config, struct weir_dataset **out,
                           struct weir_error *error);

/* NULL-safe; sets *dataset to NULL. */
void weir_dataset_free(struct weir_dataset **dataset);

/* Frees what a column holds and leaves zeroes. */
void weir_dataset_column_fini(struct weir_dataset_column *column);

/* Copies rows[0..count) (NULL: rows first..first+count) row-major into out: count * column_count floats. */
void weir_dataset_gather(const struct weir_dataset *dataset, const uint32_t *rows, size_t first, size_t count, float *out);

/* 128-bit XXH3 over names, tables, values and labels, as 32 hexadecimal digits: equal for equal data, wherever it came from. */
void weir_dataset_fingerprint(const struct weir_dataset *dataset, char out[33]);

/* The SQL expression that gives a source column to weir_dataset_convert: a DOUBLE, or VARCHAR for texts and categories. */
void weir_dataset_expression(FILE *to, const struct weir_relation_column *column, const struct weir_categories *categories);

/* Converts one vector of such an expression: out[row * stride]. Counts are added to `column`, its values are not touched. Any
 * thread that owns the counts. */
void weir_dataset_convert(duckdb_vector vector, size_t rows, struct weir_dataset_column *column, float *out, size_t stride);

/* Adds a list of what the source has to `text` (at most `size`), for messages. */
void weir_dataset_list(const struct weir_relation *source, char *text, size_t size);

#endif
