/* Intervals of figures to which every row adds its own part: means, and areas under curves. Any thread.
 *
 * A resample takes row i w_i times, Poisson(1) (bootstrap.h). To first order a figure is then itself plus the sum of
 * (w_i - 1) * sway_i, where sway_i is its derivative by the weight of row i (the infinitesimal jackknife's: Efron, 1982). Rows of
 * about the same sway, within an eighth of an octave, make one cell, so the time hardly depends on the rows.
 */
#ifndef WEIR_TRAIN_SWAY_H
#define WEIR_TRAIN_SWAY_H

#include <stddef.h>
#include <stdint.h>

#include "train/bootstrap.h"
#include "weir/error.h"

/* Of a figure that lies from `low` to `high`. WEIR_ERR_MEMORY, WEIR_ERR_LIMIT as weir_bootstrap. */
weir_err weir_sway_interval(const double *sway, size_t rows, double figure, double low, double high, struct weir_interval *out);

/* Of the sum over bins of |sum of their rows' gaps|, divided by the rows: not smooth where the gaps cancel out, so it is taken
 * from the resampled gaps themselves. Drawing few rows anew adds to it what it had by chance already: the interval is widened to
 * hold the figure itself. bin[i] < bins. The same errors. */
weir_err weir_sway_gap_interval(const double *gap, const uint8_t *bin, size_t bins, size_t rows, struct weir_interval *out);

#endif
