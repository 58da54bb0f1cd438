/* Logistic regression with an L2 penalty, as scikit-learn's LogisticRegression: the mean loss plus |w|^2 / (2 C rows), the
 * intercept free, minimised from 0. Whatever the scale of the columns, the search runs in columns of deviation 1 while the
 * penalty stays that of the columns as they are (or, with --scale standard, of the scaled ones): the same problem.
 *
 * Two classes: Newton's steps with an exact line search; some of the rows say how the loss bends (logistic_curvature.h), which
 * bends the way to the optimum and not the optimum. More: the softmax of a margin for each, by L-BFGS. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/simd.h"
#include "train/lbfgs.h"
#include "train/line_search.h"
#include "train/logistic_curvature.h"
#include "train/logistic_pass.h"
#include "train/trainers.h"

static const struct weir_param params[] = {
    {"C", WEIR_PARAM_REAL, "1", 1e-12, 1e12, NULL, "inverse strength of the penalty"},
    {"max_iter", WEIR_PARAM_WHOLE, "100", 1, 1e6, NULL, "steps at most: Newton's for two classes, of L-BFGS for more"},
    {"tol", WEIR_PARAM_REAL, "1e-4", 0, 1, NULL, "ends when no component of the gradient is larger"},
    {0}};

struct problem {
    const struct weir_tiles *tiles;
    const struct weir_train_config *config;
    const uint32_t *label;
    size_t groups, entries; /* entries: weights [groups][columns], intercepts [groups] */
    const struct weir_logistic_kernels *kernels;
    double *penalty; /* [columns] of the squared weight of a scaled column */
    double *weight;  /* [entries] */
    float *margin;   /* [tiles][groups][64] */
    float *spread;   /* [tiles][64], two classes only */
    float *scratch;
    struct weir_lbfgs_result result;
};

static void problem_fini(struct problem *p)
{
    free(p->penalty);
    free(p->weight);
    free(p->margin);
    free(p->spread);
    free(p->scratch);
}

static weir_err out_of_memory(const struct problem *p, struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "logistic-regression: %zu rows of %zu columns do not fit into memory",
                     p->tiles->rows, p->tiles->columns);
}

static weir_err problem_init(struct problem *p, const struct weir_tiles *tiles, const struct weir_train_set *set,
                             const struct weir_train_config *config, struct weir_error *error)
{
    size_t columns = tiles->columns, rows = tiles->tiles * WEIR_TILE_ROWS;
    *p = (struct problem){.tiles = tiles, .config = config, .label = set->label, .kernels = WEIR_SIMD_CHOOSE(&weir_logistic)};
    p->groups = set->classes == 2 ? 1 : set->classes;
    p->entries = p->groups * (columns + 1);
    p->penalty = calloc(columns + 1, sizeof *p->penalty);
    p->weight = calloc(p->entries, sizeof *p->weight);
    p->margin = weir_pages_alloc(rows * p->groups, sizeof *p->margin);
    p->spread = weir_pages_alloc(p->groups == 1 ? rows : 0, sizeof *p->spread);
    p->scratch = weir_pages_alloc(weir_logistic_scratch(columns, p->groups), sizeof *p->scratch);
    if (!p->penalty || !p->weight || !p->margin || !p->spread || !p->scratch)
        return out_of_memory(p, error);
    double strength = 1 / (weir_params_real(&config->params, "C") * (double)set->rows);
    for (size_t c = 0; c < columns; c++) {
        double deviation = config->scale == WEIR_SCALE_STANDARD ? 1 : tiles->deviation[c];
        p->penalty[c] = fmin(strength / (deviation * deviation), 1e12);
    }
    return WEIR_OK;
}

/* The value at these weights, whose margins are known, and its gradient. */
static double find_gradient(const struct problem *p, const double *weight, double *gradient)
{
    size_t columns = p->tiles->columns;
    double share = 1 / (double)p->tiles->rows,
           loss = share * p->kernels->gradient(p->tiles, p->label, p->groups, p->margin, gradient, p->spread, p->scratch);
    for (size_t i = 0; i < p->entries; i++) {
        double strength = i < p->groups * columns ? p->penalty[i % columns] : 0;
        loss += 0.5 * strength * weight[i] * weight[i];
        gradient[i] = gradient[i] * share + strength * weight[i];
    }
    return loss;
}

/* --- two classes --- */

/* A line from the weights along a direction. */
struct line {
    const struct problem *p;
    const double *direction;
    const float *step; /* of the margins */
};

static double slope(void *context, double t, double *growth)
{
    const struct line *line = context;
    const struct problem *p = line->p;
    double share = 1 / (double)p->tiles->rows,
           sum = share * p->kernels->slope(p->tiles, p->label, p->margin, line->step, t, growth);
    *growth *= share;
    for (size_t i = 0; i < p->tiles->columns; i++) {
        double along = line->direction[i];
        sum += p->penalty[i] * (p->weight[i] + t * along) * along;
        *growth += p->penalty[i] * along * along;
    }
    return sum;
}

/* step: [tiles][64]; direction: [entries]. */
static weir_err step_down(struct problem *p, struct weir_curvature *curvature, double *direction, float *step,
                          struct weir_error *error)
{
    const struct weir_train_config *config = p->config;
    const struct line line = {.p = p, .direction = direction, .step = step};
    size_t most = (size_t)weir_params_whole(&config->params, "max_iter");
    double tolerance = weir_params_real(&config->params, "tol"), growth;
    memset(p->margin, 0, p->tiles->tiles * WEIR_TILE_ROWS * sizeof *p->margin);
    for (;;) {
        p->result.value = find_gradient(p, p->weight, direction);
        p->result.gradient = 0;
        for (size_t i = 0; i < p->entries; i++)
            p->result.gradient = fmax(p->result.gradient, fabs(direction[i]));
        p->result.converged = p->result.gradient <= tolerance;
        if (p->result.converged || p->result.iterations == most)
            return WEIR_OK;
        if (config->stop && *config->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu steps", p->result.iterations);
        weir_curvature_update(curvature, p->spread, p->penalty);
        weir_curvature_solve(curvature, direction);
        for (size_t i = 0; i < p->entries; i++)
            direction[i] = -direction[i];
        p->kernels->margins(p->tiles, 1, direction, step, p->scratch);
        if (!(slope((void *)(uintptr_t)&line, 0, &growth) < 0)) /* as far as the digits go */
            return WEIR_OK;
        double t = weir_line_search(slope, (void *)(uintptr_t)&line, 0.01);
        for (size_t i = 0; i < p->entries; i++)
            p->weight[i] += t * direction[i];
        for (size_t r = 0; r < p->tiles->tiles * WEIR_TILE_ROWS; r++)
            p->margin[r] += (float)t * step[r];
        p->result.iterations++;
        if (config->progress)
            config->progress(config->context, p->result.iterations, most);
    }
}

static weir_err solve_two(struct problem *p, struct weir_error *error)
{
    struct weir_curvature curvature;
    double *direction = calloc(p->entries, sizeof *direction);
    float *step = weir_pages_alloc(p->tiles->tiles * WEIR_TILE_ROWS, sizeof *step);
    weir_err err = weir_curvature_init(&curvature, p->tiles, error);
    if (!err)
        err = direction && step ? step_down(p, &curvature, direction, step, error) : out_of_memory(p, error);
    weir_curvature_fini(&curvature);
    free(direction);
    free(step);
    return err;
}

/* --- more classes --- */

static double value(void *context, const double *weight, double *gradient)
{
    const struct problem *p = context;
    p->kernels->margins(p->tiles, p->groups, weight, p->margin, p->scratch);
    return find_gradient(p, weight, gradient);
}

static weir_err solve_many(struct problem *p, struct weir_error *error)
{
    const struct weir_train_config *config = p->config;
    const struct weir_lbfgs_config lbfgs = {.variables = p->entries,
                                            .tolerance = weir_params_real(&config->params, "tol"),
                                            .iterations = (size_t)weir_params_whole(&config->params, "max_iter"),
                                            .value = value,
                                            .context = p,
                                            .progress = config->progress,
                                            .progress_context = config->context,
                                            .stop = config->stop};
    return weir_lbfgs(&lbfgs, p->weight, &p->result, error);
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_tiles tiles;
    struct problem p;
    weir_err err = weir_tiles_make(set, &tiles, error);
    if (err)
        return err;
    err = problem_init(&p, &tiles, set, config, error);
    if (!err)
        err = p.groups == 1 ? solve_two(&p, error) : solve_many(&p, error);
    if (!err)
        err = weir_tiles_linear(&tiles, p.groups, p.weight, p.weight + p.groups * tiles.columns, &out->scorer, error);
    if (!err)
        out->facts = json_pack("{s:I,s:b,s:f,s:f}", "iterations", (json_int_t)p.result.iterations, "converged",
                               p.result.converged, "loss", p.result.value, "gradient", p.result.gradient);
    problem_fini(&p);
    weir_tiles_fini(&tiles);
    return err;
}

const struct weir_trainer weir_train_logistic = {
    .name = "logistic-regression", .title = "Logistic regression", .params = params, .scale_matters = true, .fit = fit};
