/* Charts as SVG inside an HTML page, whose style sheet gives the colours: class s0, s1, ... of a series, "grid", "axis", "name".
 * One thread. */
#ifndef WEIR_SURVEY_CHART_H
#define WEIR_SURVEY_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "survey/html.h"

enum weir_axis_kind {
    WEIR_AXIS_LINEAR,
    WEIR_AXIS_LOGARITHMIC,
    WEIR_AXIS_NINES /* logarithmic in what is missing from 1: 0.9, 0.99 and 0.999 are as far apart as 0 and 0.9 */
};

struct weir_axis {
    double low, high; /* low < high; logarithmic: low > 0; nines: high < 1 */
    enum weir_axis_kind kind;
    enum weir_html_unit unit;
    const char *name;
};

struct weir_chart {
    FILE *to;
    double width, height; /* of the whole picture */
    struct weir_axis x, y;
};

/* What it shows is `title`, for those who cannot see it. Draws the grid and the axes. */
void weir_chart_begin(const struct weir_chart *chart, const char *title);
void weir_chart_end(const struct weir_chart *chart);

/* Where a value lies; values beyond an axis lie on its end. */
double weir_chart_x(const struct weir_chart *chart, double value);
double weir_chart_y(const struct weir_chart *chart, double value);

/* A line through points given as x, y, x, y, ...; series: colour, dash: 0 a full line, 1 to 3 kinds of dashes. */
void weir_chart_line(const struct weir_chart *chart, const double *points, size_t count, unsigned series, unsigned dash,
                     const char *title);

/* A dot with what it is, and (name not NULL) its name beside it. open: a ring. */
void weir_chart_dot(const struct weir_chart *chart, double x, double y, unsigned series, bool open, const char *title);

/* The axis widened so that it holds the value; low > high: it holds none yet. */
void weir_axis_hold(struct weir_axis *axis, double value);

/* Ends moved outward to round numbers. */
void weir_axis_round(struct weir_axis *axis);

#endif
