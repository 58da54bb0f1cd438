/* Do probabilities mean what they say? Log loss, Brier score, reliability. Any thread.
 *
 * Reliability is that of the score: the probability of an attack, held against the share of attacks. Without a benign class it is
 * that of the most probable class, held against how often it is the true one. */
#ifndef WEIR_TRAIN_CALIBRATION_H
#define WEIR_TRAIN_CALIBRATION_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "train/bootstrap.h"
#include "weir/error.h"

enum { WEIR_CALIBRATION_BINS = 10 };

struct weir_reliability {
    uint64_t rows;              /* with a probability in the bin: above its lower bound, up to its upper one; 0 is in the first */
    double predicted, observed; /* mean probability, share of rows in which it came true; NaN without rows */
};

struct weir_calibration {
    double log_loss; /* mean of -ln(probability of the true class), the probability held within 2^-23 of 0 and 1 */
    double brier;    /* mean square of what is missing from 0 or 1: two classes: of class 1; more: summed over the classes */
    double ece;      /* expected calibration error: mean distance of predicted and observed, weighed by rows */
    struct weir_interval log_loss_interval, brier_interval, ece_interval;
    struct weir_reliability bin[WEIR_CALIBRATION_BINS];
};

/* As weir_metrics_compute's arguments; benign: index of the benign class, or -1. Figures are NaN when there are no rows or some
 * probability is none (NaN, outside 0 to 1: a regression). WEIR_ERR_MEMORY, _LIMIT as weir_bootstrap. */
weir_err weir_calibration_find(const uint32_t *truth, const float *probabilities, size_t rows, size_t classes, int benign,
                               struct weir_calibration *out);

/* [{"from":..,"to":..,"rows":..,"predicted":..,"observed":..},...], bins without rows left out. The caller owns it. */
json_t *weir_calibration_json(const struct weir_calibration *calibration);

#endif
