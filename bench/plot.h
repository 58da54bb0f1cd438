/* The pipeline bench's picture: throughput and decision time by cell, a colour a queue, on logarithmic scales, as SVG. */
#ifndef WEIR_BENCH_PLOT_H
#define WEIR_BENCH_PLOT_H

#include <stddef.h>

#include "weir/error.h"

struct weir_plot_point {
    const char *series, *label; /* "redis", "10b4w" */
    double flows_per_s;         /* at saturation; 0: not measured, as the next ones */
    double decision_us[2];      /* p50, p99, at the offered rate */
    double offered;
};

/* WEIR_ERR_IO names the file. Series and labels come in the order in which they are met; at most 8 series, 24 labels. */
weir_err weir_plot_write(const char *path, const char *title, const struct weir_plot_point *points, size_t count,
                         struct weir_error *error);

#endif
