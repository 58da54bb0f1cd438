/* Solves systems of a symmetric positive matrix by Cholesky's factors: the same bits on any CPU. Any thread. */
#ifndef WEIR_TRAIN_CHOLESKY_H
#define WEIR_TRAIN_CHOLESKY_H

#include <stddef.h>

/* The upper half of a[size][stride] becomes its factor R, a = R'R. A little of the diagonal is added first, and a pivot that is
 * nothing becomes huge: a direction in which a is singular is bent, not followed. Source: Golub and Van Loan, 4.2. */
void weir_cholesky_factor(double *a, size_t size, size_t stride);

/* x[size] becomes a^-1 x, by the factor. */
void weir_cholesky_solve(const double *factor, size_t size, size_t stride, double *x);

#endif
