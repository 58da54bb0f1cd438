/* How far sums of float32 in the same order may be apart. */
#ifndef WEIR_TESTS_MODEL_ROUNDING_H
#define WEIR_TESTS_MODEL_ROUNDING_H

#include <math.h>

#include "model/forest.h"

/* Of a group's margins: one unit in the last place a tree, of the largest partial sum that may appear. */
static inline double rounding_of(const struct weir_forest *f, size_t group)
{
    float sum = fabsf((float)f->base[group]);
    size_t trees = 1;
    for (size_t t = 0; t < f->trees; t++) {
        float largest = 0;
        for (uint32_t i = f->first[t]; i < f->first[t] + f->count[t]; i++)
            if (f->group[t] == group && f->split[i] == WEIR_SPLIT_LEAF)
                largest = fmaxf(largest, fabsf(f->value[i]));
        sum += largest;
        trees += f->group[t] == group;
    }
    return (double)((nextafterf(sum, INFINITY) - sum) * (float)trees);
}

#endif
