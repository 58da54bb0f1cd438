/* Which of a function's variants this CPU runs: NAME_plain, NAME_avx2, NAME_avx512. All give the same bits; WEIR_SIMD (scalar,
 * avx2, avx512) forces one, as it does for the forest's kernels. */
#ifndef WEIR_BASE_SIMD_H
#define WEIR_BASE_SIMD_H

#include <stdlib.h>
#include <string.h>

enum weir_simd { WEIR_SIMD_PLAIN, WEIR_SIMD_AVX2, WEIR_SIMD_AVX512 };

static inline enum weir_simd weir_simd_here(void)
{
    const char *wanted = getenv("WEIR_SIMD");
    enum weir_simd best = WEIR_SIMD_PLAIN;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        best = WEIR_SIMD_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        best = WEIR_SIMD_AVX512;
#endif
    if (wanted && (!strcmp(wanted, "scalar") || !strcmp(wanted, "reference")))
        return WEIR_SIMD_PLAIN;
    if (wanted && !strcmp(wanted, "avx2") && best > WEIR_SIMD_AVX2)
        return WEIR_SIMD_AVX2;
    return best;
}

#ifdef __x86_64__
#define WEIR_SIMD_CHOOSE(name)                                                                                                   \
    (weir_simd_here() == WEIR_SIMD_AVX512 ? name##_avx512 : weir_simd_here() == WEIR_SIMD_AVX2 ? name##_avx2 : name##_plain)
#else
#define WEIR_SIMD_CHOOSE(name) name##_plain
#endif

#endif
