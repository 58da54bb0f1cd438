/* How the loss of a logistic regression of two classes bends: the second derivatives of some of its rows.
 *
 * Rows are chosen by what they weigh, p (1 - p) times the squared length of the row: all of the heaviest, of the others so many
 * that each stands for the same weight (importance sampling, without chance: every so much weight the row where it is reached).
 * Most rows of a good model weigh next to nothing, so that some thousand say what all would. They say where to search alone: loss
 * and gradient are those of all rows. One thread; the same bits on any CPU. */
#ifndef WEIR_TRAIN_LOGISTIC_CURVATURE_H
#define WEIR_TRAIN_LOGISTIC_CURVATURE_H

#include "train/tiles.h"

struct weir_curvature {
    const struct weir_tiles *tiles;
    size_t size, stride, room; /* variables: columns and the intercept; numbers of a row; rows at most */
    float *leverage;           /* [tiles][64] squared lengths of the rows */
    float *x;                  /* [room][stride] the rows chosen, times the root of what they weigh */
    float *product;            /* [size][stride] these times one another, added up */
    double *factor;            /* [size][stride] of the second derivatives (cholesky.h) */
};

/* The tiles are borrowed. WEIR_ERR_MEMORY. End with weir_curvature_fini, also after an error. */
weir_err weir_curvature_init(struct weir_curvature *curvature, const struct weir_tiles *tiles, struct weir_error *error);
void weir_curvature_fini(struct weir_curvature *curvature);

/* The second derivatives of the mean loss where rows have this spread, [tiles][64] of p (1 - p), and of a penalty, [columns] of
 * the squared weights. */
void weir_curvature_update(struct weir_curvature *curvature, const float *spread, const double *penalty);

/* x[size] becomes (second derivatives)^-1 x. */
void weir_curvature_solve(const struct weir_curvature *curvature, double *x);

#endif
