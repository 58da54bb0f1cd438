/* Linear support vectors, as scikit-learn's LinearSVC: half the squared weights plus C times the squared hinge loss of each row,
 * the intercept part of the weights (of a column that is intercept_scaling everywhere), one class against the rest.
 *
 * The loss is piecewise quadratic: Newton steps with an exact line search end at the optimum itself, usually after ten to twenty
 * (Keerthi and DeCoste, A modified finite Newton method, 2005). Whatever the scale of the columns, the search runs in columns of
 * mean 0 and deviation 1 while the penalty stays that of the columns as they are (or, with --scale standard, of the scaled ones):
 * the same problem.
 *
 * Decision values become log odds by one factor that is fitted to rows that were held out of a first fit: no intercept, so that
 * a score is above 0.5 exactly where the decision value is above 0, and one factor for all classes, so that the class with the
 * largest decision value is the most probable. The model is that of all rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/linear.h"
#include "model/matrix.h"
#include "train/cholesky.h"
#include "train/exact.h"
#include "train/line_search.h"
#include "train/split.h"
#include "train/standard.h"
#include "train/trainers.h"

static const struct weir_param params[] = {
    {"C", WEIR_PARAM_REAL, "1", 1e-12, 1e12, NULL, "weight of the loss against the penalty"},
    {"intercept_scaling", WEIR_PARAM_REAL, "1", 1e-6, 1e6, NULL, "the larger, the less the intercept is penalised"},
    {"tol", WEIR_PARAM_REAL, "1e-4", 0, 1, NULL, "ends when the gradient is this share of what it was, rarer class over rows"},
    {"max_iter", WEIR_PARAM_WHOLE, "1000", 1, 1e6, NULL, "Newton steps at most"},
    {0}};

enum { COLUMNS_MAX = 8192, GATHER = 256 };

static const double held_out = 0.2;

struct problem {
    const struct weir_standard *rows;
    const struct weir_matrix_kernels *kernels;
    size_t size;       /* variables: a weight for each column, and the intercept */
    double *own;       /* [size] the penalty: half the sum of own * v^2 ... */
    double *shared;    /* [size] ... and of (shared . v)^2 */
    double strength;   /* C */
    double *sign;      /* [rows] 1, -1, or 0: the row is held out */
    double *margin;    /* [rows] of v */
    double *step;      /* [rows] of the direction */
    double *share;     /* [rows] of the gradient */
    double *gradient;  /* [stride] these four */
    double *direction; /* */
    double *hessian;   /* [size][stride] */
    size_t steps;      /* taken in all */
    bool converged;
};

static void problem_fini(struct problem *p)
{
    void *parts[] = {p->own, p->shared, p->sign, p->margin, p->step, p->share, p->gradient, p->direction, p->hessian};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
}

static void *room(size_t count, size_t size)
{
    size_t bytes = (count * size + 63) & ~(size_t)63;
    void *p = aligned_alloc(64, bytes ? bytes : 64);
    if (p)
        memset(p, 0, bytes);
    return p;
}

static weir_err problem_init(struct problem *p, const struct weir_standard *rows, const struct weir_train_config *config,
                             struct weir_error *error)
{
    size_t n = rows->rows, stride = rows->stride;
    double scaling = weir_params_real(&config->params, "intercept_scaling");
    *p = (struct problem){.rows = rows, .kernels = weir_matrix_here(), .size = rows->columns + 1, .converged = true};
    p->strength = weir_params_real(&config->params, "C");
    p->own = room(stride, sizeof *p->own);
    p->shared = room(stride, sizeof *p->shared);
    p->sign = room(n, sizeof *p->sign);
    p->margin = room(n, sizeof *p->margin);
    p->step = room(n, sizeof *p->step);
    p->share = room(n, sizeof *p->share);
    p->gradient = room(stride, sizeof *p->gradient);
    p->direction = room(stride, sizeof *p->direction);
    p->hessian = room(p->size * stride, sizeof *p->hessian);
    if (!p->own || !p->shared || !p->sign || !p->margin || !p->step || !p->share || !p->gradient || !p->direction || !p->hessian)
        return weir_fail(error, WEIR_ERR_MEMORY, "linear-svm: %zu rows of %zu columns do not fit into memory", n, rows->columns);
    /* A weight of a scaled column is that of the column times its deviation; the intercept takes up the means. */
    bool scaled = config->scale == WEIR_SCALE_STANDARD;
    for (size_t c = 0; c < rows->columns; c++) {
        double deviation = scaled ? 1 : rows->deviation[c];
        p->own[c] = fmin(1 / (deviation * deviation), 1e12);
        p->shared[c] = scaled ? 0 : -rows->mean[c] / (rows->deviation[c] * scaling);
    }
    p->shared[rows->columns] = 1 / scaling;
    return WEIR_OK;
}

/* shared . v */
static double together(const struct problem *p, const double *v)
{
    double sum = 0;
    for (size_t c = 0; c < p->size; c++)
        sum += p->shared[c] * v[c];
    return sum;
}

/* The gradient at v, whose margins are known. */
static void find_gradient(struct problem *p, const double *v)
{
    double common = together(p, v);
    memset(p->gradient, 0, p->rows->stride * sizeof *p->gradient);
    for (size_t r = 0; r < p->rows->rows; r++) {
        double slack = 1 - p->sign[r] * p->margin[r];
        p->share[r] = slack > 0 ? -2 * p->strength * p->sign[r] * slack : 0;
    }
    p->kernels->combine(p->rows->x, p->rows->rows, p->rows->stride, p->share, p->gradient);
    for (size_t c = 0; c < p->size; c++)
        p->gradient[c] += p->own[c] * v[c] + p->shared[c] * common;
}

/* The second derivatives at v: of the rows that have a loss. */
static void find_hessian(struct problem *p)
{
    const float *chosen[GATHER];
    size_t stride = p->rows->stride, size = p->size, count = 0;
    memset(p->hessian, 0, size * stride * sizeof *p->hessian);
    for (size_t r = 0; r <= p->rows->rows; r++) {
        bool last = r == p->rows->rows;
        if (!last && p->sign[r] != 0 && p->sign[r] * p->margin[r] < 1)
            chosen[count++] = p->rows->x + r * stride;
        if (count < GATHER && !last)
            continue;
        p->kernels->gram(chosen, count, size, stride, p->hessian);
        count = 0;
    }
    for (size_t i = 0; i < size; i++)
        for (size_t k = i; k < size; k++)
            p->hessian[i * stride + k] =
                2 * p->strength * p->hessian[i * stride + k] + p->shared[i] * p->shared[k] + (i == k ? p->own[i] : 0);
}

/* direction = -hessian^-1 gradient. Columns that say the same make the matrix singular: that bends the direction, not the
 * optimum. */
static void solve(struct problem *p)
{
    weir_cholesky_factor(p->hessian, p->size, p->rows->stride);
    for (size_t i = 0; i < p->size; i++)
        p->direction[i] = -p->gradient[i];
    weir_cholesky_solve(p->hessian, p->size, p->rows->stride, p->direction);
}

/* A line from the weights along the direction. linear, square: of the penalty. */
struct line {
    const struct problem *p;
    double linear, square;
};

static double slope(void *context, double t, double *growth)
{
    const struct line *line = context;
    const struct problem *p = line->p;
    double sum[4] = {0}, more[4] = {0};
    for (size_t r = 0; r < p->rows->rows; r++) {
        double slack = 1 - p->sign[r] * (p->margin[r] + t * p->step[r]), step = p->sign[r] * p->step[r];
        double loss = slack > 0 ? 1 : 0;
        sum[r & 3] -= loss * slack * step;
        more[r & 3] += loss * step * step;
    }
    *growth = line->square + 2 * p->strength * ((more[0] + more[1]) + (more[2] + more[3]));
    return line->linear + t * line->square + 2 * p->strength * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static double search_line(const struct problem *p, const double *v)
{
    double common = together(p, p->direction);
    struct line line = {.p = p, .linear = together(p, v) * common, .square = common * common};
    for (size_t c = 0; c < p->size; c++) {
        line.linear += p->own[c] * v[c] * p->direction[c];
        line.square += p->own[c] * p->direction[c] * p->direction[c];
    }
    return weir_line_search(slope, &line, 1e-10);
}

static double length(const double *v, size_t size)
{
    double sum = 0;
    for (size_t c = 0; c < size; c++)
        sum += v[c] * v[c];
    return sqrt(sum);
}

/* Goes on from v to the optimum for the signs. v: [stride]. */
static weir_err minimise(struct problem *p, const struct weir_train_config *config, double *v, struct weir_error *error)
{
    size_t positive = 0, negative = 0, most = (size_t)weir_params_whole(&config->params, "max_iter"), n = p->rows->rows;
    double *zero = room(p->rows->stride, sizeof *zero), first;
    if (!zero)
        return weir_fail(error, WEIR_ERR_MEMORY, "linear-svm: out of memory");
    for (size_t r = 0; r < n; r++) {
        positive += p->sign[r] > 0;
        negative += p->sign[r] < 0;
    }
    memset(p->margin, 0, n * sizeof *p->margin);
    find_gradient(p, zero); /* liblinear's rule: against the gradient at 0 */
    free(zero);
    first = length(p->gradient, p->size);
    double enough = weir_params_real(&config->params, "tol") * first * (double)(positive < negative ? positive : negative) /
                    (double)(positive + negative ? positive + negative : 1);
    bool converged = false;
    for (size_t i = 0; i < most && !converged; i++) {
        p->kernels->dots(p->rows->x, n, p->rows->stride, v, p->margin);
        find_gradient(p, v);
        converged = length(p->gradient, p->size) <= enough;
        if (converged)
            break;
        find_hessian(p);
        solve(p);
        p->kernels->dots(p->rows->x, n, p->rows->stride, p->direction, p->step);
        double t = search_line(p, v), moved = t * length(p->direction, p->size);
        for (size_t c = 0; c < p->size; c++)
            v[c] += t * p->direction[c];
        p->steps++;
        converged = moved <= 1e-9 * length(v, p->size); /* as far as the digits go */
        if (config->stop && *config->stop)
            return weir_fail(error, WEIR_ERR_CLOSED, "interrupted after %zu Newton steps", p->steps);
    }
    p->kernels->dots(p->rows->x, n, p->rows->stride, v, p->margin);
    p->converged &= converged;
    return WEIR_OK;
}

/* ---- From decision values to log odds ---- */

struct calibration {
    size_t rows, groups;
    const uint32_t *label; /* [rows] */
    const double *value;   /* [rows][groups] decision values */
};

/* The slope of the cross entropy by the factor, and how it grows. Two classes have the values 0 and the one. As Platt did, the
 * target is a little less than certain, so that rows that are all right ask for no infinite factor. */
static double entropy_slope(const struct calibration *c, double factor, double *growth)
{
    size_t classes = c->groups == 1 ? 2 : c->groups;
    double slope = 0, doubt = 1 / ((double)c->rows + 2);
    *growth = 0;
    for (size_t r = 0; r < c->rows; r++) {
        const double *value = c->value + r * c->groups;
        double most = c->groups == 1 ? fmax(value[0], 0) : value[0], sum = 0, mean = 0, square = 0, target = 0;
        for (size_t k = 0; k < c->groups; k++)
            most = fmax(most, value[k]);
        for (size_t k = 0; k < classes; k++) {
            double v = c->groups == 1 ? (k ? value[0] : 0) : value[k], e = weir_exact_exp(factor * (v - most));
            sum += e;
            mean += e * v;
            square += e * v * v;
            target += v * (doubt / (double)classes + (k == c->label[r] ? 1 - doubt : 0));
        }
        mean /= sum;
        slope += mean - target;
        *growth += square / sum - mean * mean;
    }
    return slope;
}

static double find_factor(const struct calibration *c)
{
    double low = 1e-6, high = 1e6, factor = 1, growth;
    for (int i = 0; c->rows && i < 60; i++) {
        double at = entropy_slope(c, factor, &growth);
        if (at > 0)
            high = factor;
        else
            low = factor;
        double next = growth > 0 ? factor - at / growth : factor;
        if (!(next > low && next < high))
            next = sqrt(low * high);
        if (fabs(next - factor) <= 1e-9 * factor)
            break;
        factor = next;
    }
    return factor;
}

/* ---- The fit ---- */

static void set_signs(struct problem *p, const struct weir_train_set *set, size_t group, size_t groups,
                      const struct weir_split *split)
{
    uint32_t positive = groups == 1 ? 1 : (uint32_t)group;
    for (size_t r = 0; r < set->rows; r++)
        p->sign[r] = set->label[r] == positive ? 1 : -1;
    for (size_t i = 0; split && i < split->test_count; i++)
        p->sign[split->test[i]] = 0;
}

/* Fits all groups without the rows held out, then with them; v: [groups][stride]. */
static weir_err fit_groups(struct problem *p, const struct weir_train_set *set, const struct weir_train_config *config,
                           size_t groups, const struct weir_split *split, double *v, double *factor, struct weir_error *error)
{
    struct calibration c = {.rows = split->test_count, .groups = groups};
    uint32_t *label = malloc((c.rows + 1) * sizeof *label);
    double *value = malloc((c.rows * groups + 1) * sizeof *value);
    weir_err err = label && value ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "linear-svm: out of memory");
    c.label = label;
    c.value = value;
    for (size_t i = 0; i < c.rows && !err; i++)
        label[i] = set->label[split->test[i]];
    for (size_t g = 0; g < groups && !err; g++) {
        double *mine = v + g * p->rows->stride;
        if (c.rows) {
            set_signs(p, set, g, groups, split);
            err = minimise(p, config, mine, error);
            for (size_t i = 0; i < c.rows; i++)
                value[i * groups + g] = p->margin[split->test[i]];
        }
        set_signs(p, set, g, groups, NULL);
        if (!err)
            err = minimise(p, config, mine, error);
        if (config->progress)
            config->progress(config->context, g + 1, groups);
    }
    if (!err)
        *factor = find_factor(&c);
    free(label);
    free(value);
    return err;
}

static weir_err make_scorer(const struct weir_standard *rows, size_t groups, const double *v, double factor,
                            struct weir_scorer **out, struct weir_error *error)
{
    struct weir_linear *l;
    weir_err err = weir_linear_create(rows->columns, groups, WEIR_LINK_LOGISTIC, &l, error);
    if (err)
        return err;
    for (size_t c = 0; c < rows->columns; c++) {
        l->mean[c] = rows->mean[c];
        l->fill[c] = (float)rows->mean[c];
    }
    for (size_t g = 0; g < groups; g++) {
        const double *mine = v + g * rows->stride;
        l->bias[g] = factor * mine[rows->columns];
        for (size_t c = 0; c < rows->columns; c++) {
            double weight = factor * mine[c] / rows->deviation[c];
            l->weight[g * rows->columns + c] = weight;
            l->bias[g] -= weight * rows->mean[c];
        }
    }
    err = weir_linear_validate(l, error);
    *out = &l->scorer;
    if (err)
        weir_scorer_free(out);
    return err;
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_standard rows;
    struct weir_split split = {0};
    struct problem p = {0};
    size_t groups = set->classes == 2 ? 1 : set->classes;
    double *v = NULL, factor = 1;
    if (set->columns > COLUMNS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "linear-svm: %zu columns, it takes %d", set->columns, COLUMNS_MAX);
    weir_err err = weir_standard_make(set, true, &rows, error);
    if (err)
        return err;
    err = problem_init(&p, &rows, config, error);
    if (!err && weir_split_draw(set->label, set->rows, set->classes, held_out, config->seed, &split))
        err = weir_fail(error, WEIR_ERR_MEMORY, "linear-svm: out of memory");
    v = room(groups * rows.stride, sizeof *v);
    if (!err && !v)
        err = weir_fail(error, WEIR_ERR_MEMORY, "linear-svm: out of memory");
    if (!err)
        err = fit_groups(&p, set, config, groups, &split, v, &factor, error);
    if (!err)
        err = make_scorer(&rows, groups, v, factor, &out->scorer, error);
    if (!err)
        out->facts = json_pack("{s:I,s:b,s:f,s:I}", "iterations", (json_int_t)p.steps, "converged", p.converged, "factor", factor,
                               "held_out", (json_int_t)split.test_count);
    if (!err)
        strcpy(out->objective, "squared hinge");
    free(v);
    free(split.train);
    problem_fini(&p);
    weir_standard_fini(&rows);
    return err;
}

const struct weir_trainer weir_train_linear_svm = {
    .name = "linear-svm", .title = "Linear support vectors", .params = params, .scale_matters = true, .fit = fit};
