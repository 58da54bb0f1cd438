/* Training rows as bytes: the values of each column cut into at most 255 bins, so that trees count instead of sort.
 *
 * Bins hold equal numbers of rows as far as equal values allow: a value is never in two bins, and up to 255 different values have
 * one each. Missing values have WEIR_BIN_MISSING. Made from the training rows alone; immutable then, shared by all trees.
 */
#ifndef WEIR_TRAIN_BINS_H
#define WEIR_TRAIN_BINS_H

#include "train/trainer.h"

enum { WEIR_BINS_MAX = 255, WEIR_BIN_MISSING = 255 };

struct weir_bins {
    size_t columns, rows;
    size_t stride;          /* bytes between columns */
    uint8_t *bin;           /* [columns][stride]: of the set's i-th row at [c * stride + i] */
    struct weir_bin_range { /* of the training values */
        uint16_t count;     /* bins in use */
        bool missing;       /* some are missing */
        float low[WEIR_BINS_MAX], high[WEIR_BINS_MAX];
    } * range; /* [columns] */
};

/* WEIR_ERR_MEMORY. End with weir_bins_fini. */
weir_err weir_bins_make(const struct weir_train_set *set, struct weir_bins *out, struct weir_error *error);
void weir_bins_fini(struct weir_bins *bins);

/* What separates two bins: x goes right when x >= it. Between the largest value of `left` and the smallest of `right`. */
float weir_bins_threshold(const struct weir_bins *bins, size_t column, unsigned left, unsigned right);

#endif
