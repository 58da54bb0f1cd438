#include "train/logistic_pass.h"

#include <math.h>
#include <string.h>

#include "model/vector.h"
#include "train/exact.h"

enum { ROWS = WEIR_TILE_ROWS, LANES = WEIR_TILE_LANES, SIDE = 4, FLUSH = 16, LOGS = 8 };
/* FLUSH: tiles between additions in double; LOGS: between logarithms, of up to 2^64 each */

/* Numbers where mask is -1, else 0. */
static inline weir_vf keep(weir_vf x, weir_vi mask)
{
    return (weir_vf)((weir_vi)x & mask);
}

/* exp(x) for x <= 0, within 3e-7: 2^k times a polynomial; 0 below -87. */
static inline weir_vf small_exp(weir_vf x)
{
    weir_vf bounded = weir_vf_max(x, weir_vf_all(-87.0f)), scaled = bounded * 1.44269504f;
    weir_vi whole = __builtin_convertvector(scaled - 0.5f, weir_vi); /* towards 0 from below: the nearest one for scaled <= 0 */
    weir_vf k = __builtin_convertvector(whole, weir_vf), r = bounded - k * 0.693359375f;
    r = r - k * -2.12194440e-4f;
    weir_vf p = r * (1.0f / 720) + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    return keep(p * (weir_vf)((whole + 127) << 23), x > -87.0f);
}

/* z[64] = bias + weights * x: the even columns, and the odd ones. */
static inline void tile_margins(const float *x, size_t columns, const float *weight, float bias, float *z)
{
    for (size_t at = 0; at < ROWS; at += SIDE * WEIR_FLOATS) {
        weir_vf even[SIDE], odd[SIDE];
        const float *from = x + at;
        size_t c = 0;
        for (int v = 0; v < SIDE; v++) {
            even[v] = weir_vf_all(bias);
            odd[v] = weir_vf_all(0);
        }
        for (; c + 2 <= columns; c += 2, from += 2 * ROWS)
            for (int v = 0; v < SIDE; v++) {
                __builtin_prefetch(from + columns * ROWS + v * WEIR_FLOATS, 0, 2); /* of the next tile */
                __builtin_prefetch(from + (columns + 1) * ROWS + v * WEIR_FLOATS, 0, 2);
                even[v] += *(const weir_vf *)(from + v * WEIR_FLOATS) * weight[c];
                odd[v] += *(const weir_vf *)(from + ROWS + v * WEIR_FLOATS) * weight[c + 1];
            }
        for (int v = 0; v < SIDE; v++) {
            if (c < columns)
                even[v] += *(const weir_vf *)(from + v * WEIR_FLOATS) * weight[c];
            *(weir_vf *)(z + at + v * WEIR_FLOATS) = even[v] + odd[v];
        }
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

/* The row of a label, of 64. */
static void find_truth(const uint32_t *label, size_t rows, float *truth)
{
    for (size_t r = 0; r < ROWS; r++)
        truth[r] = r < rows ? (float)(label[r] != 0) : 0;
}

/* Two classes: margins become the loss's slope. The loss: the result, and the logarithm of what *all is multiplied with. */
static double two_classes(const uint32_t *label, size_t rows, float *z, float *spread, double *all)
{
    _Alignas(64) float factor[ROWS], wrong[ROWS], truth[ROWS], lane[LANES];
    weir_vf one = weir_vf_all(1), zero = weir_vf_all(0);
    find_truth(label, rows, truth);
    for (size_t r = 0; r < ROWS; r += WEIR_FLOATS) {
        weir_vf v = *(const weir_vf *)(z + r), y = *(const weir_vf *)(truth + r);
        weir_vf size = (weir_vf)((weir_vi)v & INT32_MAX), e = small_exp(-size), sum = one + e;
        weir_vf top = keep(one, v >= zero) + keep(e, v < zero);
        weir_vi right = ((v > zero) & (y > zero)) | ((v < zero) & (y == zero)); /* the side that it is on */
        *(weir_vf *)(factor + r) = sum;
        *(weir_vf *)(wrong + r) = keep(size, ~right);
        *(weir_vf *)(spread + r) = e / (sum * sum);
        *(weir_vf *)(z + r) = top / sum - y;
    }
    for (size_t r = rows; r < ROWS; r++) {
        factor[r] = 1;
        wrong[r] = spread[r] = z[r] = 0;
    }
    *all *= product(factor);
    for (int k = 0; k < LANES; k++)
        lane[k] = (wrong[k] + wrong[k + 16]) + (wrong[k + 32] + wrong[k + 48]);
    return add_lanes(lane);
}

static double many_classes(const uint32_t *label, size_t rows, size_t groups, float *z)
{
    _Alignas(64) float most[ROWS], sum[ROWS];
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
        for (size_t r = 0; r < ROWS; r += WEIR_FLOATS) {
            weir_vf e = small_exp(*(const weir_vf *)(z + g * ROWS + r) - *(const weir_vf *)(most + r));
            *(weir_vf *)(z + g * ROWS + r) = e;
            *(weir_vf *)(sum + r) += e;
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

static void margins(const struct weir_tiles *tiles, size_t groups, const double *weight, float *z, float *scratch)
{
    size_t columns = tiles->columns;
    for (size_t i = 0; i < groups * (columns + 1); i++)
        scratch[i] = (float)weight[i];
    for (size_t t = 0; t < tiles->tiles; t++)
        for (size_t g = 0; g < groups; g++)
            tile_margins(tiles->x + t * columns * ROWS, columns, scratch + g * columns, scratch[groups * columns + g],
                         z + (t * groups + g) * ROWS);
}

static double gradient(const struct weir_tiles *tiles, const uint32_t *label, size_t groups, const float *z, double *out,
                       float *spread, float *scratch)
{
    size_t columns = tiles->columns, entries = groups * (columns + 1);
    float *sum = scratch, *d = sum + entries * LANES;
    double loss = 0, all = 1;
    memset(out, 0, entries * sizeof *out);
    memset(sum, 0, entries * LANES * sizeof *sum);
    for (size_t t = 0; t < tiles->tiles; t++) {
        const float *x = tiles->x + t * columns * ROWS;
        const uint32_t *truth = label + t * ROWS;
        size_t rows = tiles->rows - t * ROWS < ROWS ? tiles->rows - t * ROWS : ROWS;
        memcpy(d, z + t * groups * ROWS, groups * ROWS * sizeof *d);
        loss += groups == 1 ? two_classes(truth, rows, d, spread + t * ROWS, &all) : many_classes(truth, rows, groups, d);
        if (t % LOGS == LOGS - 1 || t + 1 == tiles->tiles) {
            loss += weir_exact_log(all);
            all = 1;
        }
        for (size_t g = 0; g < groups; g++)
            add_gradient(x, columns, d + g * ROWS, sum + g * (columns + 1) * LANES);
        if (t % FLUSH == FLUSH - 1 || t + 1 == tiles->tiles) {
            for (size_t g = 0; g < groups; g++) {
                const float *from = sum + g * (columns + 1) * LANES;
                for (size_t c = 0; c < columns; c++)
                    out[g * columns + c] += add_lanes(from + c * LANES);
                out[groups * columns + g] += add_lanes(from + columns * LANES);
            }
            memset(sum, 0, entries * LANES * sizeof *sum);
        }
    }
    return loss;
}

/* first[64], second[64]: derivatives of the rows' losses along the step. */
static void find_slopes(const uint32_t *label, size_t rows, const float *z, const float *step, float t, float *first,
                        float *second)
{
    _Alignas(64) float truth[ROWS];
    weir_vf one = weir_vf_all(1), zero = weir_vf_all(0);
    find_truth(label, rows, truth);
    for (size_t r = 0; r < ROWS; r += WEIR_FLOATS) {
        weir_vf along = *(const weir_vf *)(step + r), v = *(const weir_vf *)(z + r) + along * t;
        weir_vf e = small_exp(-(weir_vf)((weir_vi)v & INT32_MAX)), sum = one + e;
        weir_vf p = (keep(one, v >= zero) + keep(e, v < zero)) / sum;
        *(weir_vf *)(first + r) = along * (p - *(const weir_vf *)(truth + r));
        *(weir_vf *)(second + r) = along * along * (e / (sum * sum));
    }
}

static double slope(const struct weir_tiles *tiles, const uint32_t *label, const float *z, const float *step, double t,
                    double *growth)
{
    _Alignas(64) float first[ROWS], second[ROWS], lane[2][LANES] = {{0}};
    double sum = 0;
    *growth = 0;
    for (size_t tile = 0; tile < tiles->tiles; tile++, z += ROWS, step += ROWS) {
        size_t rows = tiles->rows - tile * ROWS < ROWS ? tiles->rows - tile * ROWS : ROWS;
        find_slopes(label + tile * ROWS, rows, z, step, (float)t, first, second);
        for (size_t r = rows; r < ROWS; r++)
            first[r] = second[r] = 0;
        for (int k = 0; k < LANES; k++) {
            lane[0][k] += (first[k] + first[k + 16]) + (first[k + 32] + first[k + 48]);
            lane[1][k] += (second[k] + second[k + 16]) + (second[k + 32] + second[k + 48]);
        }
        if (tile % FLUSH == FLUSH - 1 || tile + 1 == tiles->tiles) {
            sum += add_lanes(lane[0]);
            *growth += add_lanes(lane[1]);
            memset(lane, 0, sizeof lane);
        }
    }
    return sum;
}

const struct weir_logistic_kernels WEIR_VARIANT_OF(weir_logistic) = {margins, gradient, slope};
