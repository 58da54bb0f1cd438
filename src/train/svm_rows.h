/* Training rows brought to where radial basis functions see them: centred, multiplied by sqrt(2 gamma log2 e) (and by one over
 * the deviation), so that a kernel value is 2^-|difference|^2 / 2; columns that together cannot move an exponent by more than
 * 5e-7 left out; class by class; equal rows of a class merged into one that weighs as many. One thread, the same bits on any CPU.
 */
#ifndef WEIR_TRAIN_SVM_ROWS_H
#define WEIR_TRAIN_SVM_ROWS_H

#include "train/trainer.h"

struct weir_svm_rows {
    size_t columns, kept_count, rows, classes;
    float *fill;          /* [columns] the mean: what stands for a missing value */
    double *mean, *scale; /* [columns] */
    uint32_t *kept;       /* [kept_count] */
    size_t *first;        /* [classes + 1] where a class begins */
    float *x;             /* [rows][kept_count] */
    float *half;          /* [rows] weir_rbf_half */
    float *weight;        /* [rows] how many rows it stands for */
    uint32_t *source;     /* [rows] number of the first of them in the set's columns */
    double gamma;         /* of the columns, scaled or not */
    bool near;            /* of weir_rbf_pack */
};

/* gamma: above 0; 0: 1 / (columns * variance of all values); below 0: 1 / columns. WEIR_ERR_MEMORY. End with
 * weir_svm_rows_fini. */
weir_err weir_svm_rows_make(const struct weir_train_set *set, enum weir_scale scale, double gamma, struct weir_svm_rows *out,
                            struct weir_error *error);

/* Some of the rows: row[0..rows), class by class. Borrows what is not of single rows. */
weir_err weir_svm_rows_some(const struct weir_svm_rows *from, const uint32_t *row, size_t rows, struct weir_svm_rows *out,
                            struct weir_error *error);

/* Safe on zeroes; `some`: made by weir_svm_rows_some. */
void weir_svm_rows_fini(struct weir_svm_rows *rows, bool some);

#endif
