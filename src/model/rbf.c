#include "model/rbf.h"

#include <string.h>

#include "model/vector.h"

enum {
    PAIR = 2, /* vectors of a tile, beside its rows */
    ROWS = WEIR_FLOATS == 16 ? 8 : 4,
    LANES = WEIR_RBF_LANES,
    POINTS = WEIR_RBF_POINTS,
    SUM = 16,    /* lanes of a sum */
    TOGETHER = 4 /* rows that are added in float32 */
};

/* 2^x for x <= 0, within 2e-7 of it; not below 2^-126. */
static inline weir_vf power(weir_vf x)
{
    x = weir_vf_max(x, weir_vf_all(-126.0f));
    weir_vf shifted = x + 12582912.0f; /* 1.5 * 2^23: the nearest whole number is in the low bits */
    weir_vf f = x - (shifted - 12582912.0f), p = weir_vf_all(1.535336e-4f);
    p = weir_vf_fused(p, f, weir_vf_all(1.339887e-3f));
    p = weir_vf_fused(p, f, weir_vf_all(9.618437e-3f));
    p = weir_vf_fused(p, f, weir_vf_all(5.550332e-2f));
    p = weir_vf_fused(p, f, weir_vf_all(2.402265e-1f));
    p = weir_vf_fused(p, f, weir_vf_all(6.931472e-1f));
    p = weir_vf_fused(p, f, weir_vf_all(1.0f));
    return (weir_vf)((weir_vi)p + ((weir_vi)shifted << 23));
}

/* The values of `rows` (a constant) rows and PAIR vectors of a block's points. */
static inline __attribute__((always_inline)) void values(const struct weir_rbf_pack *pack, size_t block, size_t lane,
                                                         const float *x, const float *half, int rows, bool near,
                                                         weir_vf value[ROWS][PAIR])
{
    size_t columns = pack->columns;
    const float *z = pack->z + block * columns * LANES + lane, *mine = pack->half + block * LANES + lane;
    weir_vf sum[ROWS][PAIR];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < PAIR; v++)
            sum[r][v] = near ? -*(const weir_vf *)(mine + v * WEIR_FLOATS) - half[r] : (weir_vf){0};
    for (size_t c = 0; c < columns; c++, z += LANES)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < PAIR; v++) {
                weir_vf s = *(const weir_vf *)(z + v * WEIR_FLOATS), one = weir_vf_all(x[(size_t)r * columns + c]);
                if (near) {
                    sum[r][v] = weir_vf_fused(s, one, sum[r][v]);
                } else {
                    weir_vf apart = s - one;
                    sum[r][v] = weir_vf_fused(apart, apart, sum[r][v]);
                }
            }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < PAIR; v++)
            value[r][v] = power(near ? weir_vf_min(sum[r][v], (weir_vf){0}) : sum[r][v] * -0.5f);
}

static inline __attribute__((always_inline)) void tile(const struct weir_rbf_pack *pack, size_t block, size_t lane,
                                                       const float *x, const float *half, int rows, bool near, float *out,
                                                       size_t stride)
{
    weir_vf value[ROWS][PAIR];
    values(pack, block, lane, x, half, rows, near, value);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < PAIR; v++)
            *(weir_vf *)(out + (size_t)r * stride + block * LANES + lane + (size_t)v * WEIR_FLOATS) = value[r][v];
}

/* Up to ROWS rows against all points. */
static inline __attribute__((always_inline)) void strip(const struct weir_rbf_pack *pack, const float *x, const float *half,
                                                        int rows, bool near, float *out, size_t stride)
{
    for (size_t block = 0; block < pack->blocks; block++)
        for (size_t lane = 0; lane < LANES; lane += PAIR * WEIR_FLOATS)
            tile(pack, block, lane, x, half, rows, near, out, stride);
}

static void strips(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows, float *out, size_t stride)
{
    size_t r = 0;
    if (pack->near && rows == ROWS)
        strip(pack, x, half, ROWS, true, out, stride);
    else if (rows == ROWS)
        strip(pack, x, half, ROWS, false, out, stride);
    else
        for (; r < rows; r++)
            if (pack->near)
                strip(pack, x + r * pack->columns, half + r, 1, true, out + r * stride, stride);
            else
                strip(pack, x + r * pack->columns, half + r, 1, false, out + r * stride, stride);
}

void WEIR_VARIANT_OF(weir_rbf_matrix)(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows,
                                      float *out, size_t stride)
{
    for (size_t r = 0; r < rows; r += ROWS)
        strips(pack, x + r * pack->columns, half + r, rows - r < ROWS ? rows - r : ROWS, out + r * stride, stride);
}

/* value[i] * coef[i], i < lanes, a multiple of 64. */
static inline double dot(const float *value, const float *coef, size_t lanes)
{
    weir_vd sum[SUM / WEIR_DOUBLES] = {0};
    for (size_t i = 0; i < lanes; i += 4 * SUM)
        for (size_t v = 0; v < SUM / WEIR_FLOATS; v++) {
            weir_vf part = {0};
            for (size_t k = 0; k < 4; k++) {
                size_t at = i + k * SUM + v * WEIR_FLOATS;
                part = weir_vf_fused(*(const weir_vf *)(value + at), *(const weir_vf *)(coef + at), part);
            }
            sum[2 * v] += weir_vf_low(part);
            sum[2 * v + 1] += weir_vf_high(part);
        }
    for (size_t v = 0; v < SUM / WEIR_DOUBLES / 2; v++)
        sum[v] += sum[v + SUM / WEIR_DOUBLES / 2];
    return weir_sum8(sum);
}

void WEIR_VARIANT_OF(weir_rbf_sum)(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows,
                                   const float *coef, size_t groups, double *sum, size_t stride)
{
    _Alignas(64) float value[ROWS][POINTS];
    size_t lanes = pack->blocks * LANES, padded = (lanes + 63) & ~(size_t)63;
    for (size_t r = 0; lanes < padded && r < ROWS; r++)
        memset(value[r] + lanes, 0, LANES * sizeof **value);
    for (size_t r = 0; r < rows; r += ROWS) {
        size_t some = rows - r < ROWS ? rows - r : ROWS;
        strips(pack, x + r * pack->columns, half + r, some, value[0], POINTS);
        for (size_t k = 0; k < some; k++)
            for (size_t g = 0; g < groups; g++)
                sum[(r + k) * stride + g] += dot(value[k], coef + g * POINTS, padded);
    }
}

static inline __attribute__((always_inline)) void add(const struct weir_rbf_pack *pack, const float *x, const float *half,
                                                      size_t rows, const float *coef, bool near, double *sum)
{
    for (size_t block = 0; block < pack->blocks; block++)
        for (size_t lane = 0; lane < LANES; lane += PAIR * WEIR_FLOATS) {
            weir_vd *mine = (weir_vd *)(sum + block * LANES + lane);
            for (size_t r = 0; r < rows; r += ROWS) {
                weir_vf value[ROWS][PAIR];
                values(pack, block, lane, x + r * pack->columns, half + r, ROWS, near, value);
#pragma GCC unroll 2
                for (size_t k = 0; k < ROWS; k += TOGETHER)
                    for (int v = 0; v < PAIR; v++) {
                        weir_vf part = {0};
#pragma GCC unroll 4
                        for (size_t i = k; i < k + TOGETHER; i++)
                            part = weir_vf_fused(value[i][v], weir_vf_all(coef[r + i]), part);
                        mine[2 * v] += weir_vf_low(part);
                        mine[2 * v + 1] += weir_vf_high(part);
                    }
            }
        }
}

void WEIR_VARIANT_OF(weir_rbf_add)(const struct weir_rbf_pack *pack, const float *x, const float *half, size_t rows,
                                   const float *coef, double *sum)
{
    if (pack->near)
        add(pack, x, half, rows, coef, true, sum);
    else
        add(pack, x, half, rows, coef, false, sum);
}
