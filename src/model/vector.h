/* Vectors as wide as the instruction set that a file is compiled for, and its name at the end of the file's functions.
 *
 * A file that includes this is compiled once for each of plain, avx2 and avx512 (WEIR_VARIANT, src/model/meson.build);
 * base/simd.h chooses among the three. They give the same bits: what is fused is written so, all else is not contracted, and sums
 * have a written order that does not depend on the width.
 */
#ifndef WEIR_MODEL_VECTOR_H
#define WEIR_MODEL_VECTOR_H

#include <math.h>
#include <stdint.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#ifndef WEIR_VARIANT
#define WEIR_VARIANT plain
#endif
#define WEIR_PASTE_(name, variant) name##_##variant
#define WEIR_PASTE(name, variant)  WEIR_PASTE_(name, variant)
#define WEIR_VARIANT_OF(name)      WEIR_PASTE(name, WEIR_VARIANT)

#ifdef __AVX512F__
enum { WEIR_FLOATS = 16 };
#elif defined(__AVX2__)
enum { WEIR_FLOATS = 8 };
#else
enum { WEIR_FLOATS = 4 };
#endif
enum { WEIR_DOUBLES = WEIR_FLOATS / 2 };

typedef float weir_vf __attribute__((vector_size(4 * WEIR_FLOATS)));
typedef int32_t weir_vi __attribute__((vector_size(4 * WEIR_FLOATS)));
typedef float weir_vh __attribute__((vector_size(2 * WEIR_FLOATS))); /* as many as doubles */
typedef double weir_vd __attribute__((vector_size(4 * WEIR_FLOATS)));
typedef int64_t weir_vl __attribute__((vector_size(4 * WEIR_FLOATS)));

/* In all lanes. */
static inline weir_vf weir_vf_all(float x)
{
    return x - (weir_vf){0};
}

/* The lesser, the larger of numbers. */
static inline weir_vf weir_vf_min(weir_vf a, weir_vf b)
{
#ifdef __AVX512F__
    return (weir_vf)_mm512_min_ps((__m512)a, (__m512)b);
#else
    weir_vi less = a < b;
    return (weir_vf)(((weir_vi)a & less) | ((weir_vi)b & ~less));
#endif
}

static inline weir_vf weir_vf_max(weir_vf a, weir_vf b)
{
#ifdef __AVX512F__
    return (weir_vf)_mm512_max_ps((__m512)a, (__m512)b);
#else
    weir_vi more = a > b;
    return (weir_vf)(((weir_vi)a & more) | ((weir_vi)b & ~more));
#endif
}

/* a * b + c, rounded once. */
static inline weir_vf weir_vf_fused(weir_vf a, weir_vf b, weir_vf c)
{
#ifdef __AVX512F__
    return (weir_vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (weir_vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    weir_vf sum;
    for (int i = 0; i < WEIR_FLOATS; i++)
        sum[i] = fmaf(a[i], b[i], c[i]);
    return sum;
#endif
}

/* WEIR_DOUBLES numbers from aligned floats. */
static inline weir_vd weir_vd_from(const float *x)
{
#ifdef __AVX512F__
    return (weir_vd)_mm512_cvtps_pd(_mm256_load_ps(x));
#else
    return __builtin_convertvector(*(const weir_vh *)x, weir_vd);
#endif
}

/* The lower and the upper half of the lanes. */
static inline weir_vd weir_vf_low(weir_vf a)
{
#ifdef __AVX512F__
    return (weir_vd)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)a));
#else
    weir_vh half[2];
    __builtin_memcpy(half, &a, sizeof half);
    return __builtin_convertvector(half[0], weir_vd);
#endif
}

static inline weir_vd weir_vf_high(weir_vf a)
{
#ifdef __AVX512F__
    return (weir_vd)_mm512_cvtps_pd((__m256)_mm512_extractf64x4_pd((__m512d)a, 1));
#else
    weir_vh half[2];
    __builtin_memcpy(half, &a, sizeof half);
    return __builtin_convertvector(half[1], weir_vd);
#endif
}

/* The larger of numbers. */
static inline weir_vd weir_vd_max(weir_vd a, weir_vd b)
{
    weir_vl more = a > b;
    return (weir_vd)(((weir_vl)a & more) | ((weir_vl)b & ~more));
}

/* The sum of eight lanes in the written order, held in 8 / WEIR_DOUBLES vectors. */
static inline double weir_sum8(const weir_vd *part)
{
    double lane[8];
    __builtin_memcpy(lane, part, sizeof lane);
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

#endif
