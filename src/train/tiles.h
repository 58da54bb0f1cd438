/* Training rows laid out for passes over them: tiles of 64 rows, feature-major, each column brought to mean 0 and deviation 1.
 *
 * A lane of a vector owns a row, so that sums over columns have one order whatever the width of the CPU's vectors; sums over rows
 * are kept in 16 lanes (row mod 16) and added in a fixed order. A missing value becomes the column's mean. Immutable once made.
 */
#ifndef WEIR_TRAIN_TILES_H
#define WEIR_TRAIN_TILES_H

#include "train/trainer.h"

enum { WEIR_TILE_ROWS = 64, WEIR_TILE_LANES = 16 };

struct weir_tiles {
    size_t columns, rows, tiles;
    float *x;                 /* [tiles][columns][64], 64-byte aligned; rows past the last are 0 */
    double *mean, *deviation; /* [columns] of the training rows; deviation 1 for a constant column */
};

/* WEIR_ERR_MEMORY. End with weir_tiles_fini. */
weir_err weir_tiles_make(const struct weir_train_set *set, struct weir_tiles *out, struct weir_error *error);
void weir_tiles_fini(struct weir_tiles *tiles);

/* Makes a linear scorer of weights and biases for tiled values: weight [groups][columns], bias [groups]. */
weir_err weir_tiles_linear(const struct weir_tiles *tiles, size_t groups, const double *weight, const double *bias,
                           struct weir_scorer **out, struct weir_error *error);

#endif
