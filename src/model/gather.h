/* Gathers of whole vectors that wait for nothing but their index. The intrinsics without a mask leave it to the compiler what the
 * result's register holds before; gcc takes whatever it held, and the gather, which could keep a part of it, waits for what was
 * there: walks side by side become one behind the other. Here it is always zero. */
#ifndef WEIR_MODEL_GATHER_H
#define WEIR_MODEL_GATHER_H

#include <immintrin.h>
#include <stdint.h>

#ifdef __AVX512F__
/* All lanes, which the compiler must not know: it would take the other form again. */
static inline __attribute__((always_inline)) __mmask16 weir_all_lanes(void)
{
    __mmask16 all = 0xffff;
    __asm__("" : "+Yk"(all));
    return all;
}

static inline __attribute__((always_inline)) __m512i weir_gather_epi32(__m512i index, const void *base)
{
    return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), weir_all_lanes(), index, base, 4);
}

/* 32 bits from every second byte on: base[index] and base[index + 1]. */
static inline __attribute__((always_inline)) __m512i weir_gather_half(__m512i index, const uint16_t *base)
{
    return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), weir_all_lanes(), index, base, 2);
}

/* 32 bits from each byte on. */
static inline __attribute__((always_inline)) __m512i weir_gather_bytes(__m512i index, const uint8_t *base)
{
    return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), weir_all_lanes(), index, base, 1);
}

static inline __attribute__((always_inline)) __m512 weir_gather_ps(__m512i index, const float *base)
{
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), weir_all_lanes(), index, base, 4);
}

static inline __attribute__((always_inline)) __m512i weir_gather_epi64(__m256i index, const void *base)
{
    return _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), (__mmask8)weir_all_lanes(), index, base, 8);
}

static inline __attribute__((always_inline)) __m512d weir_gather_pd(__m256i index, const double *base)
{
    return _mm512_mask_i32gather_pd(_mm512_setzero_pd(), (__mmask8)weir_all_lanes(), index, base, 8);
}
#endif

#endif
