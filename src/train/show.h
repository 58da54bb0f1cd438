/* Figures as JSON: what is no number is null. */
#ifndef WEIR_TRAIN_SHOW_H
#define WEIR_TRAIN_SHOW_H

#include <jansson.h>
#include <math.h>

#include "train/bootstrap.h"

static inline json_t *weir_show_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static inline json_t *weir_show_interval(struct weir_interval interval)
{
    return isfinite(interval.low) ? json_pack("[f,f]", interval.low, interval.high) : json_null();
}

#endif
