#include "train/mlp_pass.h"

#include <math.h>
#include <stdbool.h>

#include "model/vector.h"
#include "train/exact.h"

enum { LANES = WEIR_MATRIX_LANES, PARTS = LANES / WEIR_FLOATS };

static const float loss_most = 36.0436533891f; /* scikit-learn keeps probabilities 2^-52 away from 0 */

static inline weir_vf root(weir_vf x)
{
#ifdef __AVX512F__
    return (weir_vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (weir_vf)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < WEIR_FLOATS; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* Numbers where mask is -1, else 0. */
static inline weir_vf keep(weir_vf x, weir_vi mask)
{
    return (weir_vf)((weir_vi)x & mask);
}

/* e^x for x <= 0, within 3e-7 of it; 0 below e^-87. */
static inline weir_vf exp_negative(weir_vf x)
{
    weir_vf scaled = x * 1.44269504f;
    weir_vi seen = scaled > -126.0f;
    scaled = keep(scaled, seen);
    weir_vf whole = scaled + 12582912.0f; /* the nearest whole number, in its lower bits */
    weir_vi n = (weir_vi)whole;
    weir_vf f = scaled - (whole - 12582912.0f), p = f * 1.535336e-4f + 1.339887e-3f;
    p = p * f + 9.618437e-3f;
    p = p * f + 5.550332e-2f;
    p = p * f + 2.402265e-1f;
    p = p * f + 6.931472e-1f;
    p = p * f + 1.0f;
    return keep((weir_vf)((weir_vi)p + (n << 23)), seen);
}

/* The sum of 16 lanes in the written order. */
static inline float sum16(const weir_vf *part)
{
    float lane[LANES], eight[8];
    __builtin_memcpy(lane, part, sizeof lane);
    for (int i = 0; i < 8; i++)
        eight[i] = lane[i] + lane[i + 8];
    return ((eight[0] + eight[4]) + (eight[2] + eight[6])) + ((eight[1] + eight[5]) + (eight[3] + eight[7]));
}

static void clip(float *x, size_t rows, size_t stride, size_t columns, float most, uint64_t *some)
{
    weir_vf high = weir_vf_all(most), low = -high;
    for (size_t r = 0; r < rows; r++, x += stride)
        for (size_t word = 0; word * 64 < columns; word++) {
            uint64_t bits = 0;
            for (size_t k = word * 64; k < stride && k < word * 64 + 64; k += WEIR_FLOATS) {
                weir_vf v = *(weir_vf *)(x + k);
                weir_vi more = v > high, less = v < low;
                v = (weir_vf)(((weir_vi)high & more) | ((weir_vi)low & less) | ((weir_vi)v & ~(more | less)));
                *(weir_vf *)(x + k) = v;
#ifdef __AVX512F__
                bits |= (uint64_t)_mm512_cmpneq_ps_mask((__m512)v, _mm512_setzero_ps()) << (k & 63);
#elif defined(__AVX2__)
                bits |= (uint64_t)(unsigned)_mm256_movemask_ps((__m256)(v != 0)) << (k & 63);
#else
                for (size_t l = 0; l < WEIR_FLOATS; l++)
                    bits |= (uint64_t)(v[l] != 0) << ((k + l) & 63);
#endif
            }
            size_t left = columns - word * 64;
            *some++ = left < 64 ? bits & (((uint64_t)1 << left) - 1) : bits;
        }
}

static void rectify(float *h, size_t count)
{
    weir_vf zero = {0};
    for (size_t i = 0; i < count; i += WEIR_FLOATS) {
        weir_vf x = *(weir_vf *)(h + i);
        *(weir_vf *)(h + i) = keep(x, x > zero);
    }
}

static void outputs(float *h, size_t rows, size_t width, const float *v, const float *bias, size_t groups, size_t stride,
                    float *z)
{
    rectify(h, rows * width);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < groups; o++) {
            weir_vf sum[PARTS] = {0};
            for (size_t j = 0; j < width; j += LANES)
                for (int p = 0; p < PARTS; p++) {
                    size_t at = j + (size_t)p * WEIR_FLOATS;
                    sum[p] =
                        weir_vf_fused(*(const weir_vf *)(h + r * width + at), *(const weir_vf *)(v + o * width + at), sum[p]);
                }
            z[r * stride + o] = sum16(sum) + bias[o];
        }
}

/* The logarithm of a product of 64 numbers is taken at once: each is at least 1 and at most 256. */
struct product {
    double value, sum;
    unsigned count;
};

static inline void times(struct product *p, float x)
{
    p->value *= (double)x;
    if (++p->count == 64) {
        p->sum += weir_exact_log(p->value);
        p->value = 1;
        p->count = 0;
    }
}

static double two_classes(float *z, const uint32_t *label, size_t rows, float *delta)
{
    struct product all = {1, 0, 0};
    double loss = 0;
    weir_vf zero = {0}, one = zero + 1.0f;
    for (size_t r = rows; r % LANES; r++)
        z[r] = 0;
    for (size_t first = 0; first < rows; first += LANES) {
        float e[LANES], truth[LANES];
        for (size_t k = 0; k < LANES; k++)
            truth[k] = first + k < rows && label[first + k] ? 1 : 0;
        for (size_t k = 0; k < LANES; k += WEIR_FLOATS) {
            weir_vf v = *(weir_vf *)(z + first + k), t;
            __builtin_memcpy(&t, truth + k, sizeof t);
            weir_vf size = (weir_vf)((weir_vi)v & 0x7fffffff), small = exp_negative(-size), sum = one + small;
            weir_vf top = keep(one, v >= zero) + keep(small, v < zero);
            *(weir_vf *)(delta + first + k) = top / sum - t;
            __builtin_memcpy(e + k, &sum, sizeof sum);
        }
        for (size_t k = 0; k < LANES && first + k < rows; k++) { /* max(z, 0) - z t + log(1 + exp(-|z|)) */
            float x = z[first + k], linear = (x > 0 ? x : 0) - (truth[k] > 0 ? x : 0);
            loss += (double)(linear < loss_most ? linear : loss_most);
            times(&all, e[k]);
        }
    }
    return loss + all.sum + weir_exact_log(all.value);
}

static double softmax(float *z, const uint32_t *label, size_t rows, size_t groups, size_t stride, float *delta)
{
    struct product all = {1, 0, 0};
    double loss = 0;
    for (size_t r = 0; r < rows; r++, z += stride, delta += stride) {
        float most = z[0], linear;
        weir_vf sum[PARTS] = {0};
        for (size_t o = 1; o < groups; o++)
            most = z[o] > most ? z[o] : most;
        linear = most - z[label[r]];
        for (size_t o = groups; o < stride; o++)
            z[o] = -1e30f;
        for (size_t o = 0; o < stride; o += LANES)
            for (int p = 0; p < PARTS; p++) {
                size_t at = o + (size_t)p * WEIR_FLOATS;
                weir_vf e = exp_negative(*(weir_vf *)(z + at) - most);
                *(weir_vf *)(delta + at) = e;
                sum[p] += e;
            }
        float total = sum16(sum);
        for (size_t o = 0; o < stride; o += WEIR_FLOATS)
            *(weir_vf *)(delta + o) /= total;
        delta[label[r]] -= 1;
        loss += (double)(linear < loss_most ? linear : loss_most);
        times(&all, total);
    }
    return loss + all.sum + weir_exact_log(all.value);
}

static double loss(float *z, const uint32_t *label, size_t rows, size_t groups, size_t stride, float *delta)
{
    return groups == 1 ? two_classes(z, label, rows, delta) : softmax(z, label, rows, groups, stride, delta);
}

static size_t back(float *h, size_t rows, size_t width, const float *delta, size_t groups, size_t stride, const float *v,
                   float *gv, float *gbias, float *ghidden, uint32_t *live)
{
    size_t count = 0;
    weir_vf zero = {0};
    for (size_t r = 0; r < rows; r++, h += width, delta += stride) {
        bool any = false;
        for (size_t o = 0; o < groups; o++)
            any |= delta[o] != 0;
        if (!any) /* saturated and right: its gradient is exactly 0 */
            continue;
        live[count++] = (uint32_t)r;
        for (size_t o = 0; o < groups; o++)
            gbias[o] += delta[o];
        for (size_t j = 0; j < width; j += WEIR_FLOATS) {
            weir_vf x = *(weir_vf *)(h + j), sum = zero;
            for (size_t o = 0; o < groups; o++) {
                weir_vf d = zero + delta[o], *g = (weir_vf *)(gv + o * width + j);
                *g = weir_vf_fused(d, x, *g);
                sum = weir_vf_fused(d, *(const weir_vf *)(v + o * width + j), sum);
            }
            sum = keep(sum, x > zero);
            *(weir_vf *)(h + j) = sum;
            *(weir_vf *)(ghidden + j) += sum;
        }
    }
    return count;
}

static void mask(float *d, const float *h, const uint32_t *live, size_t rows, size_t width, float *sum)
{
    weir_vf zero = {0};
    for (size_t r = 0; r < rows; r++, d += width)
        for (size_t j = 0; j < width; j += WEIR_FLOATS) {
            weir_vf x = keep(*(weir_vf *)(d + j), *(const weir_vf *)(h + live[r] * width + j) > zero);
            *(weir_vf *)(d + j) = x;
            *(weir_vf *)(sum + j) += x;
        }
}

/* x, or 0 where it is too small to change anything: subnormal numbers would take CPUs a hundred times as long. */
static inline weir_vf least(weir_vf x, float size)
{
    return keep(x, (weir_vf)((weir_vi)x & 0x7fffffff) >= size);
}

static double adam(float *p, const float *g, float *m, float *v, size_t count, const struct weir_mlp_step *step)
{
    weir_vf square[PARTS] = {0};
    for (size_t i = 0; i < count; i += LANES)
        for (int k = 0; k < PARTS; k++) {
            size_t at = i + (size_t)k * WEIR_FLOATS;
            weir_vf x = *(weir_vf *)(p + at), q = least(*(const weir_vf *)(g + at) * step->share + x * step->decay, 1e-16f);
            weir_vf first = least(*(weir_vf *)(m + at) * 0.9f + q * 0.1f, 1e-30f);
            weir_vf second = least(*(weir_vf *)(v + at) * 0.999f + q * q * 0.001f, 1e-33f);
            square[k] += x * x;
            *(weir_vf *)(m + at) = first;
            *(weir_vf *)(v + at) = second;
            *(weir_vf *)(p + at) = least(x - first * step->rate / (root(second) + 1e-8f), 1e-18f);
        }
    return (double)sum16(square);
}

const struct weir_mlp_pass WEIR_VARIANT_OF(weir_mlp_pass) = {clip, rectify, outputs, loss, back, mask, adam};
