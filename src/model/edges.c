#include "model/edges.h"

#include <stdlib.h>

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

size_t weir_edges_sort(float *edge, size_t count)
{
    size_t kept = 0;
    qsort(edge, count, sizeof *edge, compare_floats);
    for (size_t i = 0; i < count; i++)
        if (!kept || edge[i] > edge[kept - 1])
            edge[kept++] = edge[i];
    return kept;
}

size_t weir_edges_rank(const float *edge, size_t count, float value)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (edge[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
