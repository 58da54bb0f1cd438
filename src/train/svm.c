/* Support vector machine with radial basis functions, as scikit-learn's SVC: C, gamma; one machine for each pair of classes. Its
 * decisions are scikit-learn's within the tolerance. They become probabilities by a slope alone, fitted where a smaller machine
 * judges rows that it has not seen, so that the class is the one that the machine decides for. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "model/support.h"
#include "train/exact.h"
#include "train/svm_rows.h"
#include "train/svm_solver.h"
#include "train/trainers.h"

enum {
    ROUNDS = 100000,
    SMALL = 6000, /* rows of the machine that the slope is fitted to */
    HELD = 2000   /* rows that it judges */
};

static const char *const gammas[] = {"scale", "auto", NULL};
static const char *const calibrations[] = {"sigmoid", "none", NULL};

static const struct weir_param params[] = {
    {"C", WEIR_PARAM_REAL, "1", 1e-9, 1e9, NULL, "inverse strength of the penalty"},
    {"gamma", WEIR_PARAM_REAL, "scale", 1e-30, 1e12, gammas,
     "width: scale (1 / (columns * variance)), auto (1 / columns), or a number"},
    {"tol", WEIR_PARAM_REAL, "1e-3", 1e-6, 1, NULL, "ends when the optimality conditions hold within it"},
    {"calibration", WEIR_PARAM_WORD, "sigmoid", 0, 0, calibrations,
     "sigmoid: scores are probabilities; none: margins are the bare decisions"},
    {"max_rows", WEIR_PARAM_WHOLE, "600000", 1, 4e9, NULL, "different rows that are trained on without asking how long it takes"},
    {0}};

struct machine {
    const struct weir_svm_rows *rows;
    double C, tolerance;
    const struct weir_train_config *config;
    size_t pair, pairs; /* for the progress */
    size_t rounds, steps;
    double gap, objective;
    bool converged;
};

static void tell(void *context, size_t done, size_t all)
{
    const struct machine *m = context;
    m->config->progress(m->config->context, m->pair * all + done, m->pairs * all);
}

/* The coefficients of all rows in their machines: coef[rows][classes - 1]. */
static weir_err solve_pairs(struct machine *m, double *coef, double *bias, struct weir_error *error)
{
    const struct weir_svm_rows *r = m->rows;
    size_t others = r->classes - 1;
    weir_err err = WEIR_OK;
    m->pairs = r->classes * others / 2;
    m->converged = true;
    for (size_t i = 0; i < r->classes; i++)
        for (size_t k = i + 1; k < r->classes && !err; k++, m->pair++) {
            struct weir_svm_problem p = {.columns = r->kept_count,
                                         .near = r->near,
                                         .C = m->C,
                                         .tolerance = m->tolerance,
                                         .rounds = ROUNDS,
                                         .progress = m->config->progress ? tell : NULL,
                                         .context = m,
                                         .stop = m->config->stop};
            struct weir_svm_result result;
            size_t class[2] = {i, k};
            for (int s = 0; s < 2; s++) {
                size_t first = r->first[class[s]];
                p.side[s] = (struct weir_svm_class){r->x + first * r->kept_count, r->half + first, r->weight + first,
                                                    r->first[class[s] + 1] - first};
            }
            err = weir_svm_solve(&p, &result, error);
            if (err)
                break;
            for (size_t n = 0; n < p.side[0].rows; n++)
                coef[(r->first[i] + n) * others + k - 1] = -result.alpha[n];
            for (size_t n = 0; n < p.side[1].rows; n++)
                coef[(r->first[k] + n) * others + i] = result.alpha[p.side[0].rows + n];
            bias[m->pair] = result.bias;
            m->rounds += result.rounds;
            m->steps += result.steps;
            m->gap = fmax(m->gap, result.gap);
            m->objective += result.objective;
            m->converged = m->converged && result.converged;
            free(result.alpha);
        }
    return err;
}

static bool has_part(const double *coef, size_t others)
{
    for (size_t o = 0; o < others; o++)
        if (coef[o] != 0)
            return true;
    return false;
}

static weir_err fit_machine(struct machine *m, struct weir_support **out, struct weir_error *error)
{
    const struct weir_svm_rows *r = m->rows;
    size_t others = r->classes - 1, vectors = 0, at = 0;
    double *coef = calloc(r->rows * others, sizeof *coef), *bias = calloc(r->classes * others, sizeof *bias);
    weir_err err = coef && bias ? solve_pairs(m, coef, bias, error) : weir_fail(error, WEIR_ERR_MEMORY, "svm: out of memory");
    *out = NULL;
    for (size_t i = 0; i < r->rows && !err; i++)
        vectors += has_part(coef + i * others, others);
    if (!err)
        err = weir_support_create(r->columns, r->classes, r->kept_count, vectors, out, error);
    if (!err) {
        struct weir_support *s = *out;
        memcpy(s->fill, r->fill, r->columns * sizeof *s->fill);
        memcpy(s->mean, r->mean, r->columns * sizeof *s->mean);
        memcpy(s->scale, r->scale, r->columns * sizeof *s->scale);
        memcpy(s->kept, r->kept, r->kept_count * sizeof *s->kept);
        memcpy(s->bias, bias, s->pairs * sizeof *s->bias);
        for (size_t k = 0; k < r->classes; k++)
            for (size_t i = r->first[k]; i < r->first[k + 1]; i++) {
                if (!has_part(coef + i * others, others))
                    continue;
                memcpy(s->vector + at * r->kept_count, r->x + i * r->kept_count, r->kept_count * sizeof *s->vector);
                for (size_t o = 0; o < others; o++)
                    s->coef[at * others + o] = (float)coef[i * others + o];
                s->count[k]++;
                at++;
            }
        err = weir_support_finish(s, error);
    }
    if (err && *out) {
        struct weir_scorer *scorer = &(*out)->scorer;
        weir_scorer_free(&scorer);
        *out = NULL;
    }
    free(coef);
    free(bias);
    return err;
}

/* -- from decisions to probabilities -- */

/* Draws of each class its share of `wanted` rows, at least `least` if it has so many; the lists are class by class. */
static size_t draw(const struct weir_svm_rows *r, size_t wanted, size_t least, uint64_t *seed, uint32_t *order, uint32_t *out)
{
    size_t count = 0;
    for (size_t k = 0; k < r->classes; k++) {
        size_t first = r->first[k], rows = r->first[k + 1] - first;
        size_t mine = wanted >= r->rows ? rows : (size_t)((double)rows / (double)r->rows * (double)wanted + 0.5);
        mine = mine < least ? least : mine;
        mine = mine > rows ? rows : mine;
        for (size_t i = 0; i < rows; i++)
            order[i] = (uint32_t)(first + i);
        for (size_t i = 0; i < mine; i++) {
            size_t other = i + weir_random_below(seed, (uint32_t)(rows - i));
            uint32_t mark = order[other];
            order[other] = order[i];
            out[count++] = order[i] = mark;
        }
    }
    return count;
}

struct judged {
    const float *margins; /* [rows][groups] with slope 1 */
    const uint32_t *label;
    const float *weight;
    size_t rows, groups;
};

/* The slope of the loss over the slope: it grows. Two classes: Platt's targets, which no slope reaches. */
static double loss_slope(const struct judged *j, double slope, const double target[2])
{
    double sum = 0;
    for (size_t i = 0; i < j->rows; i++) {
        const float *m = j->margins + i * j->groups;
        if (j->groups == 1) {
            double p = 1 / (1 + weir_exact_exp(fmin(-slope * (double)m[0], 700)));
            sum += (double)j->weight[i] * (double)m[0] * (p - target[j->label[i]]);
            continue;
        }
        double most = (double)m[0], all = 0, mean = 0;
        for (size_t g = 1; g < j->groups; g++)
            most = fmax(most, (double)m[g]);
        for (size_t g = 0; g < j->groups; g++) {
            double e = weir_exact_exp(slope * ((double)m[g] - most));
            all += e;
            mean += e * (double)m[g];
        }
        sum += (double)j->weight[i] * (mean / all - (double)m[j->label[i]]);
    }
    return sum;
}

static double fit_slope(const struct judged *j)
{
    double low = 0.05, high = j->groups == 1 ? 50 : 20, count[2] = {0}, target[2] = {0};
    for (size_t i = 0; i < j->rows && j->groups == 1; i++)
        count[j->label[i]] += (double)j->weight[i];
    target[0] = 1 / (count[0] + 2);
    target[1] = (count[1] + 1) / (count[1] + 2);
    for (int turn = 0; turn < 30; turn++) {
        double middle = sqrt(low * high);
        if (loss_slope(j, middle, target) < 0)
            low = middle;
        else
            high = middle;
    }
    return sqrt(low * high);
}

/* Every fourth drawn row of a class is held out. */
static void divide(const struct weir_svm_rows *r, const uint32_t *drawn, size_t count, uint32_t *train, size_t *trains,
                   uint32_t *held, size_t *helds)
{
    size_t class = 0, of_class = 0;
    *trains = *helds = 0;
    for (size_t i = 0; i < count; i++, of_class++) {
        while (drawn[i] >= r->first[class + 1]) {
            class ++;
            of_class = 0;
        }
        if (of_class % 4 == 3)
            held[(*helds)++] = drawn[i];
        else
            train[(*trains)++] = drawn[i];
    }
}

static weir_err judge_held(const struct machine *like, const struct weir_train_set *set, const uint32_t *train, size_t trains,
                           const uint32_t *held, size_t helds, double *slope, struct weir_error *error)
{
    const struct weir_svm_rows *r = like->rows;
    struct weir_svm_rows some;
    struct weir_support *s = NULL;
    struct weir_train_config quiet = {.stop = like->config->stop};
    weir_err err = weir_svm_rows_some(r, train, trains, &some, error);
    if (err)
        return err;
    struct machine small = {.rows = &some, .C = like->C, .tolerance = like->tolerance, .config = &quiet};
    err = fit_machine(&small, &s, error);
    weir_svm_rows_fini(&some, true);
    if (err)
        return err;
    struct weir_scorer *scorer = &s->scorer;
    size_t groups = scorer->groups;
    float *x = malloc(helds * r->columns * sizeof *x), *margins = malloc(helds * groups * sizeof *margins),
          *weight = malloc(helds * sizeof *weight);
    uint32_t *label = malloc(helds * sizeof *label);
    if (x && margins && weight && label) {
        size_t class = 0;
        for (size_t i = 0; i < helds; i++) {
            while (held[i] >= r->first[class + 1])
                class ++;
            label[i] = (uint32_t) class;
            weight[i] = r->weight[held[i]];
            for (size_t c = 0; c < r->columns; c++)
                x[i * r->columns + c] = set->x[c][r->source[held[i]]];
        }
        scorer->kind->rows(scorer, x, helds, r->columns, margins);
        const struct judged judged = {margins, label, weight, helds, groups};
        *slope = fit_slope(&judged);
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "svm: out of memory");
    }
    free(x);
    free(margins);
    free(weight);
    free(label);
    weir_scorer_free(&scorer);
    return err;
}

/* Leaves 1 in *slope when a class has too few rows to hold any out. */
static weir_err calibrate(const struct machine *like, const struct weir_train_set *set, double *slope, struct weir_error *error)
{
    const struct weir_svm_rows *r = like->rows;
    uint32_t *room = malloc(4 * (r->rows + 1) * sizeof *room);
    uint64_t seed = weir_random_stream(like->config->seed, 0);
    weir_err err = WEIR_OK;
    *slope = 1;
    for (size_t k = 0; k < r->classes; k++)
        if (r->first[k + 1] - r->first[k] < 8) {
            free(room);
            return WEIR_OK;
        }
    if (room) {
        uint32_t *drawn = room + r->rows, *train = drawn + r->rows, *held = train + r->rows;
        size_t trains, helds, count = draw(r, SMALL + HELD, 8, &seed, room, drawn);
        divide(r, drawn, count, train, &trains, held, &helds);
        err = judge_held(like, set, train, trains, held, helds, slope, error);
    } else {
        err = weir_fail(error, WEIR_ERR_MEMORY, "svm: out of memory");
    }
    free(room);
    return err;
}

/* -- too many rows -- */

/* Seconds that all rows would take, by two samples. */
static weir_err forecast(const struct machine *like, double *seconds, struct weir_error *error)
{
    const struct weir_svm_rows *r = like->rows;
    static const size_t sizes[2] = {4000, 16000};
    struct weir_train_config quiet = {.stop = like->config->stop};
    double took[2] = {0};
    uint32_t *room = malloc(2 * (r->rows + 1) * sizeof *room);
    weir_err err = room ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "svm: out of memory");
    for (int i = 0; i < 2 && !err; i++) {
        struct weir_svm_rows some;
        struct weir_support *s = NULL;
        uint64_t seed = weir_random_stream(like->config->seed, (uint64_t)i + 1);
        size_t count = draw(r, sizes[i], 1, &seed, room, room + r->rows);
        err = weir_svm_rows_some(r, room + r->rows, count, &some, error);
        if (err)
            break;
        struct machine small = {.rows = &some, .C = like->C, .tolerance = like->tolerance, .config = &quiet};
        int64_t start = weir_clock_mono_ns();
        err = fit_machine(&small, &s, error);
        took[i] = (double)(weir_clock_mono_ns() - start) * 1e-9;
        weir_svm_rows_fini(&some, true);
        struct weir_scorer *scorer = s ? &s->scorer : NULL;
        weir_scorer_free(&scorer);
    }
    free(room);
    if (!err) {
        double growth = fmax(1.3, fmin(log(took[1] / took[0]) / log(4), 2));
        *seconds = took[1] * pow((double)r->rows / (double)sizes[1], growth);
    }
    return err;
}

static weir_err refuse(const struct machine *m, struct weir_error *error)
{
    double seconds;
    weir_err err = forecast(m, &seconds, error);
    if (err)
        return err;
    return weir_fail(error, WEIR_ERR_LIMIT,
                     "svm: %zu different rows would take about %.*f %s; train on a sample, or allow it with --param max_rows=%zu",
                     m->rows->rows, seconds < 10 ? 1 : 0, seconds < 120 ? seconds : seconds / 60,
                     seconds < 120 ? "seconds" : "minutes", m->rows->rows);
}

static weir_err fit(const struct weir_train_set *set, const struct weir_train_config *config, struct weir_trained *out,
                    struct weir_error *error)
{
    struct weir_svm_rows rows;
    const struct weir_params *given = &config->params;
    bool calibrated = weir_params_is(given, "calibration", "sigmoid");
    double gamma = weir_params_is(given, "gamma", "scale")  ? 0
                   : weir_params_is(given, "gamma", "auto") ? -1
                                                            : weir_params_real(given, "gamma");
    if (set->columns > WEIR_SUPPORT_COLUMNS_MAX || set->classes > WEIR_SUPPORT_CLASSES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "svm: %zu columns and %zu classes; it takes up to %d and %d", set->columns,
                         set->classes, WEIR_SUPPORT_COLUMNS_MAX, WEIR_SUPPORT_CLASSES_MAX);
    weir_err err = weir_svm_rows_make(set, config->scale, gamma, &rows, error);
    if (err)
        return err;
    struct machine m = {
        .rows = &rows, .C = weir_params_real(given, "C"), .tolerance = weir_params_real(given, "tol"), .config = config};
    struct weir_support *s = NULL;
    double slope = 1;
    if (rows.rows > weir_params_whole(given, "max_rows"))
        err = refuse(&m, error);
    if (!err && calibrated)
        err = calibrate(&m, set, &slope, error);
    if (!err)
        err = fit_machine(&m, &s, error);
    if (!err) {
        s->slope = slope;
        out->scorer = &s->scorer;
        snprintf(out->objective, sizeof out->objective, "rbf, %zu vectors, gamma %.6g", s->vectors, rows.gamma);
        out->facts = json_pack("{s:f,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:b,s:f}", "gamma", rows.gamma, "kept_columns",
                               (json_int_t)rows.kept_count, "different_rows", (json_int_t)rows.rows, "support_vectors",
                               (json_int_t)s->vectors, "rounds", (json_int_t)m.rounds, "iterations", (json_int_t)m.steps, "gap",
                               m.gap, "objective", m.objective, "converged", m.converged, "slope", slope);
    }
    weir_svm_rows_fini(&rows, false);
    return err;
}

const struct weir_trainer weir_train_svm = {
    .name = "svm", .title = "Support vector machine", .params = params, .scale_matters = true, .fit = fit};
