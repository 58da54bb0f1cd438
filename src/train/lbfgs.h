/* Minimises a smooth function: L-BFGS with a line search for the strong Wolfe conditions.
 *
 * Source: Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 7.4, 7.5, 3.5, 3.6. One thread; the same bits for the
 * same function on any CPU. */
#ifndef WEIR_TRAIN_LBFGS_H
#define WEIR_TRAIN_LBFGS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

struct weir_lbfgs_config {
    size_t variables;
    double tolerance; /* ends when no component of the gradient is larger */
    size_t iterations;
    /* The value at x, and its gradient. */
    double (*value)(void *context, const double *x, double *gradient);
    void *context;
    void (*progress)(void *context, size_t done, size_t all); /* NULL: none */
    void *progress_context;
    const volatile sig_atomic_t *stop; /* as in trainer.h */
};

struct weir_lbfgs_result {
    size_t iterations, evaluations;
    double value, gradient; /* gradient: the largest component */
    bool converged;
};

/* Starts at x and leaves the best point there. WEIR_ERR_MEMORY, _CLOSED. Not converging is no error: result->converged. */
weir_err weir_lbfgs(const struct weir_lbfgs_config *config, double *x, struct weir_lbfgs_result *result,
                    struct weir_error *error);

#endif
