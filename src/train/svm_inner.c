#include "train/svm_inner.h"

#include <math.h>

#include "model/vector.h"

enum { STEPS = 100 * WEIR_SVM_SET };

static inline weir_vf least(weir_vf a, weir_vf b)
{
    weir_vi less = a < b;
    return (weir_vf)(((weir_vi)a & less) | ((weir_vi)b & ~less));
}

static inline weir_vf most(weir_vf a, weir_vf b)
{
    weir_vi more = a > b;
    return (weir_vf)(((weir_vi)a & more) | ((weir_vi)b & ~more));
}

/* The first place of a value that is there. */
static size_t find(const float *v, size_t count, float value)
{
    size_t i = 0;
    while (i < count && v[i] != value)
        i++;
    return i;
}

/* What is added to f so that only rows that can move up, or down, are chosen. */
static void allow(const struct weir_svm_set *s, size_t k, float *up, float *down)
{
    bool less = s->alpha[k]<s->most[k], more = s->alpha[k]> 0, positive = s->y[k] > 0, there = s->y[k] != 0;
    up[k] = there && (positive ? less : more) ? 0 : INFINITY;
    down[k] = there && (positive ? more : less) ? 0 : -INFINITY;
}

/* Moves alpha of i up and of j down along the constraint, as far as the bounds let it; at a bound it is exactly the bound. */
static double move(struct weir_svm_set *s, size_t i, size_t j, double step)
{
    double room_i = s->y[i] > 0 ? s->most[i] - s->alpha[i] : s->alpha[i];
    double room_j = s->y[j] > 0 ? s->alpha[j] : s->most[j] - s->alpha[j];
    bool end_i = step >= room_i && room_i <= room_j, end_j = step >= room_j && room_j <= room_i;
    step = fmin(step, fmin(room_i, room_j));
    s->alpha[i] = end_i ? (s->y[i] > 0 ? s->most[i] : 0) : s->alpha[i] + (double)s->y[i] * step;
    s->alpha[j] = end_j ? (s->y[j] > 0 ? 0 : s->most[j]) : s->alpha[j] - (double)s->y[j] * step;
    return step;
}

size_t WEIR_VARIANT_OF(weir_svm_inner)(struct weir_svm_set *s, float tolerance)
{
    _Alignas(64) float up[WEIR_SVM_SET], down[WEIR_SVM_SET], value[WEIR_SVM_SET], gain[WEIR_SVM_SET];
    float first = -1;
    size_t rows = s->rows;
    for (size_t k = 0; k < rows; k++)
        allow(s, k, up, down);
    for (size_t step = 0;; step++) {
        weir_vf low = weir_vf_all(INFINITY), high = weir_vf_all(-INFINITY), best = weir_vf_all(-1);
        for (size_t k = 0; k < rows; k += WEIR_FLOATS) {
            weir_vf v = *(weir_vf *)(s->f + k) + *(weir_vf *)(up + k);
            *(weir_vf *)(value + k) = v;
            low = least(v, low);
        }
        float lowest = low[0];
        for (int l = 1; l < WEIR_FLOATS; l++)
            lowest = low[l] < lowest ? low[l] : lowest;
        if (!(lowest < INFINITY))
            return step;
        size_t i = find(value, rows, lowest);
        const float *row = s->kernel + i * WEIR_SVM_SET;
        for (size_t k = 0; k < rows; k += WEIR_FLOATS) {
            weir_vf v = *(weir_vf *)(s->f + k) + *(weir_vf *)(down + k), apart = v - weir_vf_all(lowest);
            weir_vf curve = most(weir_vf_all(2) - 2 * *(const weir_vf *)(row + k), weir_vf_all(1e-12f));
            weir_vf g = apart * apart / curve;
            weir_vi wrong = apart > weir_vf_all(0);
            g = (weir_vf)(((weir_vi)g & wrong) | ((weir_vi)weir_vf_all(-1) & ~wrong));
            *(weir_vf *)(gain + k) = g;
            high = most(v, high);
            best = most(g, best);
        }
        float highest = high[0], most_gain = best[0];
        for (int l = 1; l < WEIR_FLOATS; l++) {
            highest = high[l] > highest ? high[l] : highest;
            most_gain = best[l] > most_gain ? best[l] : most_gain;
        }
        float violation = highest - lowest;
        if (first < 0)
            first = violation;
        if (!(violation >= tolerance) || violation < 0.1f * first || !(most_gain > 0) || step >= STEPS)
            return step;
        size_t j = find(gain, rows, most_gain);
        double curve = 2 - 2 * (double)row[j];
        float by = (float)move(s, i, j, ((double)s->f[j] - (double)lowest) / (curve > 1e-12 ? curve : 1e-12));
        allow(s, i, up, down);
        allow(s, j, up, down);
        const float *other = s->kernel + j * WEIR_SVM_SET;
        for (size_t k = 0; k < rows; k += WEIR_FLOATS)
            *(weir_vf *)(s->f + k) += weir_vf_all(by) * (*(const weir_vf *)(row + k) - *(const weir_vf *)(other + k));
    }
}
