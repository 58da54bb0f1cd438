/* What rbf.c needs once for all instruction sets. */
#include <string.h>

#include "model/rbf.h"

float weir_rbf_half(const float *x, size_t columns)
{
    double sum = 0;
    for (size_t c = 0; c < columns; c++)
        sum += (double)x[c] * (double)x[c];
    return (float)(sum / 2);
}

void weir_rbf_fill(struct weir_rbf_pack *pack, const float *point)
{
    size_t columns = pack->columns;
    pack->blocks = weir_rbf_blocks(pack->points);
    memset(pack->z, 0, pack->blocks * columns * WEIR_RBF_LANES * sizeof *pack->z);
    memset(pack->half, 0, pack->blocks * WEIR_RBF_LANES * sizeof *pack->half);
    for (size_t i = 0; i < pack->points; i++) {
        float *z = pack->z + i / WEIR_RBF_LANES * columns * WEIR_RBF_LANES + i % WEIR_RBF_LANES;
        for (size_t c = 0; c < columns; c++)
            z[c * WEIR_RBF_LANES] = point[i * columns + c];
        pack->half[i] = weir_rbf_half(point + i * columns, columns);
    }
}
