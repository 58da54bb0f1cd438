/* How far off figures of a sample may be: the bootstrap of counts. Any thread.
 *
 * Rows fall into cells, and a figure is a function of the cells' counts (those of a confusion matrix, say). A resample draws each
 * count anew from the Poisson distribution with the count as its mean: the Poisson bootstrap (Oza and Russell, 2001; Chamandy et
 * al., 2012), in which every row comes along Poisson(1) times, without looking at rows. Its time depends on cells, not on rows.
 * Draws are inversions of exact tables made of products and quotients: equal on every machine.
 */
#ifndef WEIR_TRAIN_BOOTSTRAP_H
#define WEIR_TRAIN_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

enum { WEIR_BOOTSTRAP_RESAMPLES = 1000, WEIR_BOOTSTRAP_FIGURES = 32 };
#define WEIR_BOOTSTRAP_LEVEL 0.95

struct weir_interval {
    double low, high; /* NaN: there is none */
};

/* Fills out[figures] from counts[cells]; NaN for a figure that does not exist. */
typedef void weir_bootstrap_figures(void *context, const uint64_t *counts, double *out);

/* The interval from the 2.5th to the 97.5th percentile of each of `count` (at most WEIR_BOOTSTRAP_FIGURES) figures over the
 * resamples in which it exists. A count of 0 stays 0. WEIR_ERR_MEMORY, WEIR_ERR_LIMIT for a count from 2^32 on. */
weir_err weir_bootstrap(const uint64_t *counts, size_t cells, uint64_t seed, weir_bootstrap_figures *figures, void *context,
                        size_t count, struct weir_interval *out);

#endif
