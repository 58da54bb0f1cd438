#include "base/simd.h"
#include "model/matrix.h"

const struct weir_matrix_kernels *weir_matrix_here(void)
{
#ifdef __x86_64__
    enum weir_simd here = weir_simd_here();
    return here == WEIR_SIMD_AVX512 ? &weir_matrix_avx512 : here == WEIR_SIMD_AVX2 ? &weir_matrix_avx2 : &weir_matrix_plain;
#else
    return &weir_matrix_plain;
#endif
}
