/* Eigenvalues and vectors of a small symmetric matrix, by Jacobi's rotations: the same bits on any CPU. Any thread. */
#ifndef WEIR_TRAIN_EIGEN_H
#define WEIR_TRAIN_EIGEN_H

#include <stddef.h>

/* a[n][n] is symmetric and destroyed: its diagonal becomes the eigenvalues. vector[n][n]: vector[i * n + k] is component i of
 * the k-th vector, of length 1. Source: Golub and Van Loan, Matrix Computations, 8.5. */
void weir_eigen_symmetric(double *a, size_t n, double *vector);

#endif
