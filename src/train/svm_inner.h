/* The inner solver of support vector machines: some hundred rows of the problem at a time, their kernel values in the cache.
 * svm_inner.c is compiled for each instruction set (model/vector.h); all give the same bits. */
#ifndef WEIR_TRAIN_SVM_INNER_H
#define WEIR_TRAIN_SVM_INNER_H

#include <stddef.h>

#include "model/rbf.h"

enum { WEIR_SVM_SET = WEIR_RBF_POINTS };

/* A working set. All arrays are 64-byte aligned. */
struct weir_svm_set {
    size_t rows;   /* a multiple of 32, at most WEIR_SVM_SET */
    float *kernel; /* [rows][WEIR_SVM_SET] */
    float *f;      /* [rows] gradients times labels, up to a constant; changed as `alpha` */
    double *alpha; /* [rows] */
    double *most;  /* [rows] upper bounds */
    float *y;      /* [rows] -1, 1; 0: no row is there */
};

/* Sequential minimal optimisation with second-order choice of the pair (Fan, Chen, Lin 2005), until the largest violation is
 * below `tolerance` or a tenth of what it was at the start. Returns the number of steps. */
typedef size_t weir_svm_inner(struct weir_svm_set *set, float tolerance);

weir_svm_inner weir_svm_inner_plain, weir_svm_inner_avx2, weir_svm_inner_avx512;

#endif
