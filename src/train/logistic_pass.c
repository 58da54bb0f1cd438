#include "train/logistic_pass.h"

#include <math.h>
#include <string.h>

#include "train/exact.h"

#ifndef WEIR_PASS
#define WEIR_PASS weir_logistic_pass_plain
#endif

enum { ROWS = WEIR_TILE_ROWS, LANES = WEIR_TILE_LANES, FLUSH = 16, LOGS = 8 };
/* FLUSH: tiles between additions in double; LOGS: between logarithms, of up to 2^64 each */

/* exp(x) for x <= 0, within 3e-7: 2^k times a polynomial; 0 below -87. No branch, so that lanes run together. */
static inline float small_exp(float x)
{
    float bounded = x > -87.0f ? x : -87.0f;
    float scaled = bounded * 1.44269504f;
    float k = (float)(int32_t)(scaled - 0.5f); /* towards 0 from below: the nearest whole number for scaled <= 0 */
    float r = bounded - k * 0.693359375f;
    r = r - k * -2.12194440e-4f;
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    uint32_t bits = (uint32_t)((int32_t)k + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return x > -87.0f ? p * power : 0;
}

/* z[64] = bias + weights * x */
static inline void margins(const float *x, size_t columns, const float *weight, float bias, float *z)
{
    for (int r = 0; r < ROWS; r++)
        z[r] = bias;
    for (size_t c = 0; c < columns; c++, x += ROWS) {
        float w = weight[c];
        for (int r = 0; r < ROWS; r += LANES) /* of the next tile */
            __builtin_prefetch(x + columns * ROWS + r, 0, 2);
        for (int r = 0; r < ROWS; r++)
            z[r] += w * x[r];
    }
}

/* sum[column][lane] += x * d, and the same of d alone at the end. */
static inline void add_gradient(const float *x, size_t columns, const float *d, float *sum)
{
    for (size_t c = 0; c < columns; c++, x += ROWS, sum += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] += ((x[k] * d[k] + x[k + 16] * d[k + 16]) + (x[k + 32] * d[k + 32] + x[k + 48] * d[k + 48]));
    for (int k = 0; k < LANES; k++)
        sum[k] += (d[k] + d[k + 16]) + (d[k + 32] + d[k + 48]);
}

static double add_lanes(const float *lane)
{
    double a[8], b[4];
    for (int k = 0; k < 8; k++)
        a[k] = (double)lane[k] + (double)lane[k + 8];
    for (int k = 0; k < 4; k++)
        b[k] = a[k] + a[k + 4];
    return (b[0] + b[2]) + (b[1] + b[3]);
}

/* The product of 64 numbers of [1, 2]. */
static double product(const float *factor)
{
    double lane[LANES];
    for (int k = 0; k < LANES; k++)
        lane[k] = ((double)factor[k] * (double)factor[k + 16]) * ((double)factor[k + 32] * (double)factor[k + 48]);
    for (int half = LANES / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            lane[k] *= lane[k + half];
    return lane[0];
}

/* Two classes: margins become the loss's slope. The loss: the result, and the logarithm of what *all is multiplied with. */
static inline __attribute__((always_inline)) double judge(const uint32_t *label, size_t rows, float *z, double *all)
{
    float factor[ROWS], wrong[ROWS], lane[LANES];
    for (int r = 0; r < ROWS; r++) {
        float y = rows == ROWS || (size_t)r < rows ? (float)(label[r] != 0) : 0.0f;
        float real = rows == ROWS || (size_t)r < rows ? 1.0f : 0.0f;
        float size = fabsf(z[r]), e = small_exp(-size), inverse = 1 / (1 + e);
        float p = z[r] >= 0 ? inverse : e * inverse;
        float margin = y > 0 ? z[r] : -z[r]; /* > 0: on the right side */
        factor[r] = real > 0 ? 1 + e : 1;
        wrong[r] = margin < 0 ? size * real : 0;
        z[r] = (p - y) * real;
    }
    *all *= product(factor);
    for (int k = 0; k < LANES; k++)
        lane[k] = (wrong[k] + wrong[k + 16]) + (wrong[k + 32] + wrong[k + 48]);
    return add_lanes(lane);
}

static double two_classes(const uint32_t *label, size_t rows, float *z, double *all)
{
    return rows == ROWS ? judge(label, ROWS, z, all) : judge(label, rows, z, all);
}

static double many_classes(const uint32_t *label, size_t rows, size_t groups, float *z)
{
    float most[ROWS], sum[ROWS];
    double loss = 0;
    for (int r = 0; r < ROWS; r++)
        most[r] = z[r];
    for (size_t g = 1; g < groups; g++)
        for (int r = 0; r < ROWS; r++)
            most[r] = z[g * ROWS + (size_t)r] > most[r] ? z[g * ROWS + (size_t)r] : most[r];
    for (size_t r = 0; r < rows; r++)
        loss += (double)most[r] - (double)z[label[r] * ROWS + r];
    memset(sum, 0, sizeof sum);
    for (size_t g = 0; g < groups; g++)
        for (int r = 0; r < ROWS; r++) {
            float e = small_exp(z[g * ROWS + (size_t)r] - most[r]);
            z[g * ROWS + (size_t)r] = e;
            sum[r] += e;
        }
    for (size_t r = 0; r < rows; r++)
        loss += weir_exact_log((double)sum[r]);
    for (size_t g = 0; g < groups; g++)
        for (int r = 0; r < ROWS; r++) {
            float p = z[g * ROWS + (size_t)r] / sum[r];
            z[g * ROWS + (size_t)r] = (size_t)r < rows ? p - (label[r] == g ? 1.0f : 0.0f) : 0;
        }
    return loss;
}

double WEIR_PASS(const struct weir_tiles *tiles, const uint32_t *label, size_t groups, const double *weight, double *gradient,
                 float *scratch)
{
    size_t columns = tiles->columns, entries = groups * (columns + 1);
    float *w = scratch, *sum = w + (entries + 15) / 16 * 16, *z = sum + entries * LANES;
    double loss = 0, all = 1;
    for (size_t i = 0; i < entries; i++)
        w[i] = (float)weight[i];
    memset(gradient, 0, entries * sizeof *gradient);
    memset(sum, 0, entries * LANES * sizeof *sum);
    for (size_t t = 0; t < tiles->tiles; t++) {
        const float *x = tiles->x + t * columns * ROWS;
        size_t rows = tiles->rows - t * ROWS < ROWS ? tiles->rows - t * ROWS : ROWS;
        for (size_t g = 0; g < groups; g++)
            margins(x, columns, w + g * columns, w[groups * columns + g], z + g * ROWS);
        loss += groups == 1 ? two_classes(label + t * ROWS, rows, z, &all) : many_classes(label + t * ROWS, rows, groups, z);
        if (t % LOGS == LOGS - 1 || t + 1 == tiles->tiles) {
            loss += weir_exact_log(all);
            all = 1;
        }
        for (size_t g = 0; g < groups; g++)
            add_gradient(x, columns, z + g * ROWS, sum + g * (columns + 1) * LANES);
        if (t % FLUSH == FLUSH - 1 || t + 1 == tiles->tiles) {
            for (size_t g = 0; g < groups; g++) {
                const float *from = sum + g * (columns + 1) * LANES;
                for (size_t c = 0; c < columns; c++)
                    gradient[g * columns + c] += add_lanes(from + c * LANES);
                gradient[groups * columns + g] += add_lanes(from + columns * LANES);
            }
            memset(sum, 0, entries * LANES * sizeof *sum);
        }
    }
    return loss;
}
