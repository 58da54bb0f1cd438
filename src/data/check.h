/* What is in labelled data before it is learned from: classes, what is missing, what comes twice, and which columns would make a
 * model that learned the laboratory (they name rows, or tell the label alone). One pass; memory grows with the rows (20 bytes
 * each), not with the cells. One thread. */
#ifndef WEIR_DATA_CHECK_H
#define WEIR_DATA_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/categories.h"
#include "data/relation.h"
#include "weir/error.h"

/* From here on a column counts as telling the label alone, or as naming rows. */
#define WEIR_CHECK_TELLS  0.999
#define WEIR_CHECK_UNIQUE 0.95

struct weir_check_column {
    const char *name; /* of the relation */
    bool number;      /* at most one cell of a hundred that has a value is no number, as in reading */
    uint64_t missing, endless;
    uint64_t strays;   /* texts in a column of numbers */
    uint64_t distinct; /* values that differ; beyond WEIR_DISTINCT_EXACT an estimate, good to a few percent */
    bool exact;
    double least, most; /* of a column of numbers; NaN: none */
    bool constant;      /* at most one value, or the same missing everywhere */
    bool unique;        /* nearly as many values as rows: numbers with a fraction differ by themselves, so nearly all must */
    /* How well it tells benign from attack (else: the labels) alone, each label weighing the same: the larger of the area under
     * the ROC curve to either side and of the accuracy of a table of its values, when these come ten times or more on average.
     * NaN: not known. On at most 200,000 rows, drawn. */
    double tells;
    bool label, identifier, leak; /* as the description says */
    bool strange;                 /* is not in the description */
};

struct weir_check {
    struct weir_relation *source; /* borrowed */
    const char *label, *benign;   /* the column that was looked at, NULL: none; borrowed */
    uint64_t rows, unlabelled;
    struct weir_categories labels; /* sorted */
    uint64_t *label_rows;          /* [labels.count] */
    uint64_t twice;                /* rows that are equal to an earlier one in all columns */
    uint64_t twice_learned;        /* the same in the columns that are learned from and the label */
    uint64_t contradicting;        /* rows that others equal in the columns that are learned from but for the label */
    struct weir_check_column *columns;
    size_t column_count;
    const char **absent; /* columns of the description that are not there; borrowed texts */
    size_t absent_count;
};

struct weir_check_config {
    const char *label;  /* NULL: the description's column of classes, else one called label or class */
    const char *benign; /* NULL: the description's */
};

/* Reads everything. WEIR_ERR_NOT_FOUND for a label column that is not there, WEIR_ERR_FORMAT for data without rows or damaged
 * data or a label column of more than 10,000 labels, WEIR_ERR_CLOSED, WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. On WEIR_OK the caller ends
 * *out with weir_check_fini, before the source. */
weir_err weir_check_run(struct weir_relation *source, const struct weir_check_config *config, struct weir_check *out,
                        struct weir_error *error);

/* Whether a column should not be learned from: it is an identifier or leak, names rows, tells the label, or has no values. */
bool weir_check_unfit(const struct weir_check_column *column);

/* Everything as one object, which the caller owns; NULL: out of memory. */
json_t *weir_check_json(const struct weir_check *check);

/* Safe on zeroes. */
void weir_check_fini(struct weir_check *check);

#endif
