#include "train/eigen.h"

#include <math.h>

/* Turns rows and columns p and q so that a[p][q] becomes 0. */
static void rotate(double *a, size_t n, double *vector, size_t p, size_t q)
{
    double apq = a[p * n + q];
    if (apq == 0)
        return;
    double tau = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = tau >= 0 ? 1 / (tau + sqrt(1 + tau * tau)) : 1 / (tau - sqrt(1 + tau * tau)), c = 1 / sqrt(1 + t * t), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = c * kp - s * kq;
        a[k * n + q] = s * kp + c * kq;
    }
    for (size_t k = 0; k < n; k++) {
        double pk = a[p * n + k], qk = a[q * n + k];
        a[p * n + k] = c * pk - s * qk;
        a[q * n + k] = s * pk + c * qk;
    }
    a[p * n + q] = a[q * n + p] = 0;
    for (size_t k = 0; k < n; k++) {
        double kp = vector[k * n + p], kq = vector[k * n + q];
        vector[k * n + p] = c * kp - s * kq;
        vector[k * n + q] = s * kp + c * kq;
    }
}

void weir_eigen_symmetric(double *a, size_t n, double *vector)
{
    enum { SWEEPS = 60 };
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            vector[i * n + k] = i == k;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0, diagonal = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                *(i == k ? &diagonal : &off) += a[i * n + k] * a[i * n + k];
        if (!(off > 1e-28 * diagonal))
            return;
        for (size_t p = 0; p + 1 < n; p++)
            for (size_t q = p + 1; q < n; q++)
                rotate(a, n, vector, p, q);
    }
}
