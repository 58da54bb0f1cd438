/* Logistic regression with an L2 penalty, as scikit-learn's LogisticRegression: the mean loss plus |w|^2 / (2 C rows), the
 * intercept free, minimised by L-BFGS from 0. Whatever the scale of the columns, the search runs in columns of deviation 1 while
 * the penalty stays that of the columns as they are (or, with --scale standard, of the scaled ones): the same problem, but one
 * that is solved in some tens of steps instead of given up on. More than two classes: the softmax of a margin for each. */
#include <math.h>
#include <stdlib.h>

#include "train/lbfgs.h"
#include "train/logistic_pass.h"
#include "base/simd.h"
#include "train/trainers.h"

static const struct weir_param params[] = {
    {"C", WEIR_PARAM_REAL, "1", 1e-12, 1e12, NULL, "inverse strength of the penalty"},
    {"max_iter", WEIR_PARAM_WHOLE, "100", 1, 1e6, NULL, "steps of L-BFGS at most"},
    {"tol", WEIR_PARAM_REAL, "1e-4", 0, 1, NULL, "ends when no component of the gradient is larger"},
    {0}};

struct problem {
    const struct weir_tiles *tiles;
    const uint32_t *label;
    size_t groups;
    double *penalty; /* [columns] of the squared weight of a scaled column */
    float *scratch;
    weir_logistic_pass *pass;
};

static double value(void *context, const double *x, double *gradient)
{
    const struct problem *p = context;
    size_t columns = p->tiles->columns, entries = p->groups * (columns + 1);
    double share = 1 / (double)p->tiles->rows, loss = p->pass(p->tiles, p->label, p->groups, x, gradient, p->scratch) * share;
    for (size_t i = 0; i < entries; i++)
        gradient[i] *= share;
    for (size_t i = 0; i < p->groups * columns; i++) {
        double strength = p->penalty[i % columns];
        loss += 0.5 * strength * x[i] * x[i];
        gradient[i] += strength * x[i];
    }
    return loss;
}

static weir_err solve(struct problem *p, const struct weir_train_config *config, struct weir_trained *out,
                      struct weir_error *error)
{
    size_t columns = p->tiles->columns;
    double *x = calloc(p->groups * (columns + 1), sizeof *x);
    if (!x)
        return weir_fail(error, WEIR_ERR_MEMORY, "logistic-regression: out of memory");
    const struct weir_lbfgs_config lbfgs = {.variables = p->groups * (columns + 1),
                                            .tolerance = weir_params_real(&config->params, "tol"),
                                            .iterations = (size_t)weir_params_whole(&config->params, "max_iter"),
                                            .value = value,
                                            .context = p,
                                            .progress = config->progress,
                                            .progress_context = config->context,
                                            .stop = config->stop};
    struct weir_lbfgs_result result;
    weir_err err = weir_lbfgs(&lbfgs, x, &result, error);
    if (!err)
        err = weir_tiles_linear(p->tiles, p->groups, x, x + p->groups * columns, &out->scorer, error);
    if (!err)
        out->facts = json_pack("{s:I,s:b,s:f,s:f}", "iterations", (json_int_t)result.iterations, "converged", result.converged,
                               "loss", result.value, "gradient", result.gradient);
    free(x);
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_tiles tiles;
    weir_err err = weir_tiles_make(set, &tiles, error);
    if (err)
        return err;
    struct problem p = {.tiles = &tiles, .label = set->label, .groups = set->classes == 2 ? 1 : set->classes};
    double strength = 1 / (weir_params_real(&config->params, "C") * (double)set->rows);
    size_t scratch = weir_logistic_scratch(set->columns, p.groups) * sizeof *p.scratch;
    p.penalty = calloc(set->columns + 1, sizeof *p.penalty);
    p.scratch = aligned_alloc(64, (scratch + 63) & ~(size_t)63);
    p.pass = WEIR_SIMD_CHOOSE(weir_logistic_pass);
    if (p.penalty && p.scratch) {
        for (size_t c = 0; c < set->columns; c++) {
            double deviation = config->scale == WEIR_SCALE_STANDARD ? 1 : tiles.deviation[c];
            p.penalty[c] = fmin(strength / (deviation * deviation), 1e12);
        }
        err = solve(&p, config, out, error);
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "logistic-regression: out of memory");
    }
    free(p.penalty);
    free(p.scratch);
    weir_tiles_fini(&tiles);
    return err;
}

const struct weir_trainer weir_train_logistic = {
    .name = "logistic-regression", .title = "Logistic regression", .params = params, .scale_matters = true, .fit = fit};
