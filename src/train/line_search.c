#include "train/line_search.h"

#include <math.h>

enum { STEPS_MAX = 60 };

double weir_line_search(double (*slope)(void *context, double t, double *growth), void *context, double share)
{
    double growth, low = 0, high = INFINITY, t = 1, start = fabs(slope(context, 0, &growth));
    for (int i = 0; i < STEPS_MAX; i++) {
        double at = slope(context, t, &growth);
        if (fabs(at) <= share * start)
            break;
        if (at > 0)
            high = t;
        else
            low = t;
        double next = growth > 0 ? t - at / growth : t;
        if (!(next > low && next < high))
            next = isinf(high) ? 2 * t : (low + high) / 2;
        if (next == t)
            break;
        t = next;
    }
    return t;
}
