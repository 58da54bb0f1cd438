/* From the texts of a label column to the classes of a model. Any thread. */
#ifndef WEIR_TRAIN_LABELS_H
#define WEIR_TRAIN_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/categories.h"
#include "weir/error.h"
#include "weir/model.h"

enum { WEIR_LABEL_CLASSES = 256 };

struct weir_labels {
    char **classes; /* names; the benign one first if there is one */
    size_t class_count;
    int benign;        /* 0, or -1: none */
    int32_t *class_of; /* class by label value; -1: a class that the model does not know */
};

/* Makes classes of what a data set holds. Not multiclass: "benign" for the value `benign`, "attack" for every other. Multiclass:
 * one class a value, sorted, the value `benign` (may be NULL) first. Values that are equal numbers are equal (0 and 0.0).
 * WEIR_ERR_ARGUMENT when `benign` is needed and missing, or none of the values (the message lists them); WEIR_ERR_FORMAT when
 * there is one class only or more than WEIR_LABEL_CLASSES; WEIR_ERR_MEMORY. */
weir_err weir_labels_learn(const struct weir_categories *values, const char *benign, bool multiclass, struct weir_labels *out,
                           struct weir_error *error);

/* The same for two classes, for who learns without attacks: it is no error when there are none. */
weir_err weir_labels_benign(const struct weir_categories *values, const char *benign, struct weir_labels *out,
                            struct weir_error *error);

/* Finds a model's classes in a data set: by name; the value `benign` (may be NULL) is the benign class; with two classes and
 * `benign` given every other value is the attack. WEIR_ERR_MISMATCH when no value belongs to a class (the message lists both),
 * WEIR_ERR_MEMORY. */
weir_err weir_labels_use(const struct weir_categories *values, const char *benign, const weir_model *model,
                         struct weir_labels *out, struct weir_error *error);

/* The same with the classes of another data set, whose labels were learned. */
weir_err weir_labels_match(const struct weir_categories *values, const char *benign, const struct weir_labels *classes,
                           struct weir_labels *out, struct weir_error *error);

void weir_labels_fini(struct weir_labels *labels);

/* Equal texts, blanks around aside, or equal numbers. */
bool weir_labels_equal(const char *a, const char *b);

#endif
