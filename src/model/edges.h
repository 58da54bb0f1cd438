/* The thresholds of one column of a forest: sorted, each once. Pure functions; any thread. */
#ifndef WEIR_MODEL_EDGES_H
#define WEIR_MODEL_EDGES_H

#include <stddef.h>

/* Sorts them (none is NaN) and drops repeats; returns how many are left. */
size_t weir_edges_sort(float *edge, size_t count);

/* How many of the sorted ones are <= value. */
size_t weir_edges_rank(const float *edge, size_t count, float value);

#endif
