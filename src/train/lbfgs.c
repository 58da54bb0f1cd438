#include "train/lbfgs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 10, SEARCH_MAX = 25 };

struct search {
    const struct weir_lbfgs_config *config;
    const double *x, *direction; /* from where, and where to */
    double *at, *gradient;       /* the point tried last */
    size_t evaluations;
};

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double largest(const double *a, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i]));
    return most;
}

/* The value a step along the direction, and the slope there. */
static double step_to(struct search *s, double step, double *slope)
{
    size_t n = s->config->variables;
    for (size_t i = 0; i < n; i++)
        s->at[i] = s->x[i] + step * s->direction[i];
    double value = s->config->value(s->config->context, s->at, s->gradient);
    s->evaluations++;
    *slope = dot(s->gradient, s->direction, n);
    return value;
}

/* Finds a step for the strong Wolfe conditions by bracketing and cubic steps kept inside the bracket. Leaves the point in s->at
 * and its gradient; returns its value. */
static double search(struct search *s, double value, double slope, double first, bool *found)
{
    const double decrease = 1e-4, curvature = 0.9;
    double low = 0, low_value = value, low_slope = slope, high = 0, high_value = 0, high_slope = 0, step = first, now = value;
    bool bracketed = false;
    *found = false;
    for (int i = 0; i < SEARCH_MAX; i++) {
        double here;
        now = step_to(s, step, &here);
        bool too_far = !(now <= value + decrease * step * slope) || (i > 0 && now >= low_value);
        if (!too_far && fabs(here) <= -curvature * slope) {
            *found = true;
            return now;
        }
        if (too_far || (bracketed && here * (high - low) >= 0) || (!bracketed && here >= 0)) {
            if (!too_far) { /* beyond the minimum: the old low end closes the bracket */
                high = low, high_value = low_value, high_slope = low_slope;
                low = step, low_value = now, low_slope = here;
            } else {
                high = step, high_value = now, high_slope = here;
            }
            bracketed = true;
        } else {
            low = step, low_value = now, low_slope = here;
        }
        if (!bracketed) {
            step *= 4;
            continue;
        }
        /* the cubic through both ends; the middle when it leaves the inner nine tenths */
        double width = high - low, d1 = low_slope + high_slope - 3 * (low_value - high_value) / (low - high);
        double root = d1 * d1 - low_slope * high_slope, d2 = root > 0 ? copysign(sqrt(root), width) : 0;
        double cubic = high - width * ((high_slope + d2 - d1) / (high_slope - low_slope + 2 * d2));
        double near = fmin(low, high) + 0.05 * fabs(width), far = fmax(low, high) - 0.05 * fabs(width);
        step = cubic >= near && cubic <= far ? cubic : low + 0.5 * width;
        if (fabs(width) <= 1e-12 * fmax(1, fabs(low)))
            break;
    }
    if (low > 0 && low_value < value) { /* not all one could wish, but lower */
        double here;
        now = step_to(s, low, &here);
        *found = true;
    }
    return now;
}

/* -H * gradient by the two loops; pairs from `first` on, the newest last. */
static void choose_direction(const double *gradient, double *const *step, double *const *change, const double *rho, size_t pairs,
                             size_t first, size_t n, double *direction)
{
    double alpha[PAIRS];
    for (size_t i = 0; i < n; i++)
        direction[i] = -gradient[i];
    for (size_t k = pairs; k-- > 0;) {
        size_t at = (first + k) % PAIRS;
        alpha[k] = rho[at] * dot(step[at], direction, n);
        for (size_t i = 0; i < n; i++)
            direction[i] -= alpha[k] * change[at][i];
    }
    if (pairs) {
        size_t at = (first + pairs - 1) % PAIRS;
        double scale = 1 / (rho[at] * dot(change[at], change[at], n));
        for (size_t i = 0; i < n; i++)
            direction[i] *= scale;
    }
    for (size_t k = 0; k < pairs; k++) {
        size_t at = (first + k) % PAIRS;
        double beta = rho[at] * dot(change[at], direction, n);
        for (size_t i = 0; i < n; i++)
            direction[i] += (alpha[k] - beta) * step[at][i];
    }
}

weir_err weir_lbfgs(const struct weir_lbfgs_config *config, double *x, struct weir_lbfgs_result *result, struct weir_error *error)
{
    size_t n = config->variables, pairs = 0, first = 0;
    double *room = calloc((2 * PAIRS + 4) * n + 1, sizeof *room), *step[PAIRS], *change[PAIRS], rho[PAIRS];
    weir_err err = WEIR_OK;
    *result = (struct weir_lbfgs_result){0};
    if (!room)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t k = 0; k < PAIRS; k++) {
        step[k] = room + (2 * k) * n;
        change[k] = room + (2 * k + 1) * n;
    }
    double *gradient = room + 2 * PAIRS * n, *direction = gradient + n, *at = direction + n, *at_gradient = at + n;
    struct search s = {.config = config, .x = x, .direction = direction, .at = at, .gradient = at_gradient};
    double value = config->value(config->context, x, gradient);
    s.evaluations = 1;
    while (result->iterations < config->iterations && largest(gradient, n) > config->tolerance) {
        if (config->stop && *config->stop) {
            err = weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu iterations", result->iterations);
            break;
        }
        choose_direction(gradient, step, change, rho, pairs, first, n, direction);
        double slope = dot(gradient, direction, n);
        if (!(slope < 0)) { /* rounding: start again down the gradient */
            pairs = 0;
            choose_direction(gradient, step, change, rho, 0, 0, n, direction);
            slope = dot(gradient, direction, n);
        }
        bool found;
        double next = search(&s, value, slope, pairs ? 1 : fmin(1, 1 / sqrt(-slope)), &found);
        if (!found) {
            if (!pairs) /* not even down the gradient: this is as low as rounding allows */
                break;
            pairs = 0;
            continue;
        }
        size_t slot = (first + pairs) % PAIRS;
        for (size_t i = 0; i < n; i++) {
            step[slot][i] = at[i] - x[i];
            change[slot][i] = at_gradient[i] - gradient[i];
        }
        double curvature = dot(step[slot], change[slot], n);
        if (curvature > 0) {
            rho[slot] = 1 / curvature;
            if (pairs < PAIRS)
                pairs++;
            else
                first = (first + 1) % PAIRS;
        } else if (pairs == PAIRS) { /* the slot was the oldest pair's */
            first = (first + 1) % PAIRS;
            pairs--;
        }
        memcpy(x, at, n * sizeof *x);
        memcpy(gradient, at_gradient, n * sizeof *gradient);
        value = next;
        result->iterations++;
        if (config->progress)
            config->progress(config->progress_context, result->iterations, config->iterations);
    }
    result->evaluations = s.evaluations;
    result->value = value;
    result->gradient = largest(gradient, n);
    result->converged = result->gradient <= config->tolerance;
    free(room);
    return err;
}
