/* Splits rows into training and test rows, class by class. Any thread. */
#ifndef WEIR_TRAIN_SPLIT_H
#define WEIR_TRAIN_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* Two ascending lists of row numbers in one allocation; the caller frees `train` alone. */
struct weir_split {
    uint32_t *train, *test;
    size_t train_count, test_count;
};

/* Of each class, the nearest whole number to `share` of its rows is drawn for testing, at least one and at most all but one when
 * the class has two rows or more, none when it has one. The draw depends on labels, share and seed alone. labels[i] < classes;
 * rows < 2^32. WEIR_ERR_MEMORY. */
weir_err weir_split_draw(const uint32_t *labels, size_t rows, size_t classes, double share, uint64_t seed,
                         struct weir_split *out);

#endif
