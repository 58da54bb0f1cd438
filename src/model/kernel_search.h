/* What the kernels for AVX-512 share: columns out of rows, bins, leaves in registers. */
#ifndef WEIR_MODEL_KERNEL_SEARCH_H
#define WEIR_MODEL_KERNEL_SEARCH_H

#include <immintrin.h>
#include <stddef.h>

static inline __attribute__((always_inline)) __m128 weir_quarter(const float *x, size_t columns)
{
    return columns == 4 ? _mm_loadu_ps(x) : _mm_maskz_loadu_ps((__mmask8)((1u << columns) - 1), x);
}

/* 4 columns of 16 rows, rows `step` floats apart (rows past the last one repeat it), to columns `gap` floats apart. Rows 4 i + k
 * meet in vector k, so that transposing in its quarters leaves the rows in order. */
static inline __attribute__((always_inline)) void weir_transpose(const float *x, size_t step, size_t rows, size_t columns,
                                                                 float *out, size_t gap)
{
    const float *row[16];
    __m512 r[4];
    for (size_t i = 0; i < 16; i++)
        row[i] = x + (i < rows ? i : rows - 1) * step;
    for (int k = 0; k < 4; k++) {
        r[k] = _mm512_castps128_ps512(weir_quarter(row[k], columns));
        r[k] = _mm512_insertf32x4(r[k], weir_quarter(row[4 + k], columns), 1);
        r[k] = _mm512_insertf32x4(r[k], weir_quarter(row[8 + k], columns), 2);
        r[k] = _mm512_insertf32x4(r[k], weir_quarter(row[12 + k], columns), 3);
    }
    __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r[0], r[1])), b = _mm512_castps_pd(_mm512_unpackhi_ps(r[0], r[1]));
    __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r[2], r[3])), d = _mm512_castps_pd(_mm512_unpackhi_ps(r[2], r[3]));
    _mm512_store_pd(out, _mm512_unpacklo_pd(a, c));
    _mm512_store_pd(out + gap, _mm512_unpackhi_pd(a, c));
    _mm512_store_pd(out + 2 * gap, _mm512_unpacklo_pd(b, d));
    _mm512_store_pd(out + 3 * gap, _mm512_unpackhi_pd(b, d));
}

/* One step down the search tree. */
static inline __m512i weir_search_step(__m512i k, __m512 x, __m512 threshold)
{
    __mmask16 left = _mm512_cmp_ps_mask(x, threshold, _CMP_NGE_UQ);
    k = _mm512_add_epi32(k, k);
    return _mm512_mask_add_epi32(k, left, k, _mm512_set1_epi32(1));
}

static inline __m512 weir_search_two(const float *e, __m512i k)
{
    return _mm512_permutex2var_ps(_mm512_load_ps(e), k, _mm512_load_ps(e + 16));
}

/* Where 16 values are in the search tree after its first eight levels, or all. These are looked up in registers; the first steps
 * say which of them, when a level takes several. */
static inline __attribute__((always_inline)) __m512i weir_search_top(const float *e, unsigned steps, __m512 x)
{
    __m512 top = _mm512_load_ps(e);
    __mmask16 first = _mm512_cmp_ps_mask(x, _mm512_set1_ps(e[1]), _CMP_NGE_UQ);
    __m512 threshold = _mm512_mask_blend_ps(first, _mm512_set1_ps(e[2]), _mm512_set1_ps(e[3]));
    __mmask16 second = _mm512_cmp_ps_mask(x, threshold, _CMP_NGE_UQ);
    __m512i k = _mm512_mask_blend_epi32(first, _mm512_set1_epi32(4), _mm512_set1_epi32(6));
    k = _mm512_mask_add_epi32(k, second, k, _mm512_set1_epi32(1));
    k = weir_search_step(k, x, _mm512_permutexvar_ps(k, top));
    k = weir_search_step(k, x, _mm512_permutexvar_ps(k, top));
    if (steps > 4)
        k = weir_search_step(k, x, _mm512_permutexvar_ps(k, _mm512_load_ps(e + 16)));
    if (steps > 5)
        k = weir_search_step(k, x, weir_search_two(e + 32, k));
    if (steps > 6)
        k = weir_search_step(k, x, _mm512_mask_blend_ps(first, weir_search_two(e + 64, k), weir_search_two(e + 96, k)));
    if (steps > 7) {
        __m512 low = _mm512_mask_blend_ps(second, weir_search_two(e + 128, k), weir_search_two(e + 160, k));
        __m512 high = _mm512_mask_blend_ps(second, weir_search_two(e + 192, k), weir_search_two(e + 224, k));
        k = weir_search_step(k, x, _mm512_mask_blend_ps(first, low, high));
    }
    return k;
}

/* Out of a table of 64. Bit 5 of the number chooses its half; the mask is made by a port that is idle. */
static inline __m512 weir_look_up(const float *table, __m512i number)
{
    __m512 low = weir_search_two(table, number), high = weir_search_two(table + 32, number);
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_slli_epi32(number, 26)), low, high);
}

#endif
