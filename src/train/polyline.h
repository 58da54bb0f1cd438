/* Curves of many points brought down to few that look the same. Any thread. */
#ifndef WEIR_TRAIN_POLYLINE_H
#define WEIR_TRAIN_POLYLINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { WEIR_POLYLINE_POINTS = 200 };

struct weir_point {
    double x, y; /* 0 to 1 */
};

struct weir_polyline {
    struct weir_point point[WEIR_POLYLINE_POINTS];
    size_t count;
};

/* Keeps the first and the last point and, one by one, the point that is farthest from what is kept so far (Ramer, 1972;
 * Douglas and Peucker, 1973). logarithmic: distances count on a logarithmic x axis from 1e-6 on, too. `points` is spoilt. */
void weir_polyline_thin(struct weir_point *points, size_t count, bool logarithmic, struct weir_polyline *out);

/* [[x,y],...]; NULL when memory is out. The caller owns it. */
json_t *weir_polyline_json(const struct weir_polyline *line);

#endif
