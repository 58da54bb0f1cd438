#include "base/simd.h"
#include "train/logistic_pass.h"

const struct weir_logistic_kernels *weir_logistic_here(void)
{
    return WEIR_SIMD_CHOOSE(&weir_logistic);
}
