/* Solves the dual problem of a support vector machine with radial basis functions, two classes:
 *
 *     least of 1/2 sum of alpha_i alpha_k y_i y_k K(i, k) - sum of alpha_i,  0 <= alpha_i <= C weight_i,  sum of alpha_i y_i = 0
 *
 * Working sets of 512 rows (as ThunderSVM and oneDAL): those that violate the optimum most, and half of the last set; their own
 * problem is solved in the cache, then one pass over all rows takes in what moved. Kernel values are computed where they are
 * needed, which is quicker than to fetch them: memory grows with the rows alone. One thread, the same bits on any CPU.
 */
#ifndef WEIR_TRAIN_SVM_SOLVER_H
#define WEIR_TRAIN_SVM_SOLVER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* The rows of one class: contiguous. */
struct weir_svm_class {
    const float *x;    /* [rows][columns] */
    const float *half; /* [rows] weir_rbf_half */
    const float *weight;
    size_t rows;
};

struct weir_svm_problem {
    struct weir_svm_class side[2]; /* y = -1, y = 1; both have rows */
    size_t columns;
    bool near; /* as of a weir_rbf_pack */
    double C, tolerance;
    size_t rounds;                                            /* at most */
    void (*progress)(void *context, size_t done, size_t all); /* NULL: none */
    void *context;
    const volatile sig_atomic_t *stop; /* not 0: ends with WEIR_ERR_CLOSED. NULL: never */
};

struct weir_svm_result {
    double *alpha; /* [rows of both sides], in their order; the caller's to free */
    double bias;   /* the decision is bias + sum of alpha_i y_i K(i, x) */
    double objective, gap;
    size_t rounds, steps;
    bool converged; /* gap < tolerance */
};

/* WEIR_ERR_MEMORY, WEIR_ERR_CLOSED. */
weir_err weir_svm_solve(const struct weir_svm_problem *problem, struct weir_svm_result *out, struct weir_error *error);

#endif
