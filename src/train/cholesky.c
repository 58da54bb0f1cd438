#include "train/cholesky.h"

#include <math.h>

void weir_cholesky_factor(double *a, size_t size, size_t stride)
{
    for (size_t i = 0; i < size; i++)
        a[i * stride + i] = a[i * stride + i] * (1 + 1e-11) + 1e-30;
    for (size_t i = 0; i < size; i++) {
        double *row = a + i * stride, pivot = row[i] > 1e-30 ? sqrt(row[i]) : 1e15;
        row[i] = pivot;
        for (size_t k = i + 1; k < size; k++)
            row[k] /= pivot;
        for (size_t k = i + 1; k < size; k++) {
            double factor = row[k], *other = a + k * stride;
            for (size_t m = k; factor != 0 && m < size; m++)
                other[m] -= factor * row[m];
        }
    }
}

void weir_cholesky_solve(const double *factor, size_t size, size_t stride, double *x)
{
    for (size_t i = 0; i < size; i++) {
        x[i] /= factor[i * stride + i];
        for (size_t k = i + 1; k < size; k++)
            x[k] -= factor[i * stride + k] * x[i];
    }
    for (size_t i = size; i-- > 0;) {
        for (size_t k = i + 1; k < size; k++)
            x[i] -= factor[i * stride + k] * x[k];
        x[i] /= factor[i * stride + i];
    }
}
