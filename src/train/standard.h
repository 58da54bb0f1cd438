/* Training rows one behind the other, as floats for passes over them (model/matrix.h); columns brought to mean 0 and deviation 1,
 * or as they are. A missing value becomes the column's mean. Immutable once made.
 */
#ifndef WEIR_TRAIN_STANDARD_H
#define WEIR_TRAIN_STANDARD_H

#include "train/trainer.h"

struct weir_standard {
    size_t columns, rows;
    size_t stride;            /* floats a row, a multiple of WEIR_MATRIX_LANES; those behind the columns are 0 but the first: 1 */
    float *x;                 /* [rows][stride], 64-byte aligned */
    double *mean, *deviation; /* [columns] of the training rows; deviation 1 for a constant column */
};

/* scaled: x is (value - mean) / deviation, in float64 and rounded once. WEIR_ERR_MEMORY. End with weir_standard_fini. */
weir_err weir_standard_make(const struct weir_train_set *set, bool scaled, struct weir_standard *out, struct weir_error *error);
void weir_standard_fini(struct weir_standard *standard);

#endif
