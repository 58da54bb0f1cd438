/* Linear models, naive Bayes and perceptrons: margins as written down, one bit pattern by rows and by blocks, explanations that
 * add up, files that come back and files that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/container.h"
#include "model/gaussian.h"
#include "model/linear.h"
#include "model/mlp.h"
#include "model/model.h"
#include "random.h"
#include "ways.h"

enum { ROWS = 130 };
static const struct kind_facts facts = {ROWS, 1e-6, false, 16}, mlp_facts = {ROWS, 1e-5, false, 64};

static struct weir_linear *make_linear(size_t groups)
{
    struct weir_linear *l;
    uint64_t seed = 7 + groups;
    assert_int_equal(weir_linear_create(COLUMNS, groups, WEIR_LINK_LOGISTIC, &l, NULL), WEIR_OK);
    for (size_t c = 0; c < COLUMNS; c++) {
        l->fill[c] = random_float(&seed);
        l->mean[c] = (double)random_float(&seed);
    }
    for (size_t i = 0; i < COLUMNS * groups; i++)
        l->weight[i] = (double)random_float(&seed) * 3;
    for (size_t g = 0; g < groups; g++)
        l->bias[g] = (double)random_float(&seed);
    return l;
}

static struct weir_gaussian *make_gaussian(size_t classes)
{
    struct weir_gaussian *m;
    uint64_t seed = 70 + classes;
    assert_int_equal(weir_gaussian_create(COLUMNS, classes, &m, NULL), WEIR_OK);
    for (size_t k = 0; k < classes; k++) {
        m->constant[k] = (double)random_float(&seed);
        for (size_t c = 0; c < COLUMNS; c++) {
            double variance = 0.1 + fabs((double)random_float(&seed));
            m->mean[k * COLUMNS + c] = (double)random_float(&seed);
            m->precision[k * COLUMNS + c] = 1 / (2 * variance);
            m->norm[k * COLUMNS + c] = -0.5 * log(6.283185307179586 * variance);
            m->constant[k] += m->norm[k * COLUMNS + c];
            m->expected[k * COLUMNS + c] = 0.5;
        }
    }
    return m;
}

static bool known(float x)
{
    return fabsf(x) <= FLT_MAX;
}

static double naive_linear(const struct weir_linear *l, const float *row, size_t g)
{
    long double sum = l->bias[g];
    for (size_t c = 0; c < COLUMNS; c++)
        sum += (long double)l->weight[g * COLUMNS + c] * (long double)(known(row[c]) ? row[c] : l->fill[c]);
    return (double)sum;
}

/* From the densities themselves; a column without a value takes no part. */
static double naive_class(const struct weir_gaussian *m, const float *row, size_t k)
{
    double sum = m->constant[k];
    for (size_t c = 0; c < COLUMNS; c++)
        sum -= m->norm[k * COLUMNS + c]; /* what is left is the prior */
    for (size_t c = 0; c < COLUMNS; c++)
        if (known(row[c])) {
            double variance = 1 / (2 * m->precision[k * COLUMNS + c]), d = (double)row[c] - m->mean[k * COLUMNS + c];
            sum += -0.5 * log(6.283185307179586 * variance) - d * d / (2 * variance);
        }
    return sum;
}

static void fill_rows(float *x)
{
    uint64_t seed = 99;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        x[i] = random_value(&seed, 0.25f);
    for (size_t i = 0; i < ROWS * COLUMNS; i += 7)
        x[i] = 3 * random_float(&seed);
}

static void near(double got, double wanted, const char *what, size_t row, double share)
{
    wanted = fmax(-1e30, fmin(wanted, 1e30));
    if (!(fabs(got - wanted) <= share * fmax(1, fabs(wanted))))
        fail_msg("%s, row %zu: %.9g, wanted %.9g", what, row, got, wanted);
}

static void linear(void **state)
{
    (void)state;
    float x[ROWS * COLUMNS], margins[ROWS * CLASSES];
    fill_rows(x);
    for (size_t groups = 1; groups <= 3; groups += 2) {
        struct weir_linear *l = make_linear(groups);
        weir_model *model = finish(&l->scorer, groups == 1 ? 2 : groups);
        weir_model_margins(model, x, ROWS, COLUMNS, margins);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t g = 0; g < groups; g++)
                near((double)margins[r * groups + g], naive_linear(l, x + r * COLUMNS, g), "linear", r, 1e-6);
        check_ways(model, &facts, x, margins);
        check_file(model, &facts, x, margins);
        weir_model_free(&model);
    }
}

static void gaussian(void **state)
{
    (void)state;
    float x[ROWS * COLUMNS], margins[ROWS * CLASSES];
    fill_rows(x);
    for (size_t classes = 2; classes <= 3; classes++) {
        struct weir_gaussian *m = make_gaussian(classes);
        size_t groups = classes == 2 ? 1 : classes;
        weir_model *model = finish(&m->scorer, classes);
        weir_model_margins(model, x, ROWS, COLUMNS, margins);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t g = 0; g < groups; g++) {
                double wanted = naive_class(m, x + r * COLUMNS, groups == 1 ? 1 : g);
                if (groups == 1)
                    wanted -= naive_class(m, x + r * COLUMNS, 0);
                near((double)margins[r * groups + g], wanted, "naive Bayes", r, 1e-6);
            }
        check_ways(model, &facts, x, margins);
        check_file(model, &facts, x, margins);
        weir_model_free(&model);
    }
}

static struct weir_mlp *make_mlp(size_t classes, const uint32_t *units, size_t hidden)
{
    struct weir_mlp *m;
    uint64_t seed = 5 * classes + hidden;
    assert_int_equal(weir_mlp_create(COLUMNS, classes, units, hidden, &m, NULL), WEIR_OK);
    for (size_t c = 0; c < COLUMNS; c++) {
        m->fill[c] = random_float(&seed);
        m->shift[c] = (double)random_float(&seed);
        m->factor[c] = 0.5 + fabs((double)random_float(&seed));
    }
    for (size_t l = 0; l < m->layers; l++)
        for (size_t k = 0; k <= m->size[l]; k++)
            for (size_t j = 0; j < m->size[l + 1]; j++) {
                float weight = random_float(&seed) / sqrtf((float)m->size[l]);
                if (k < m->size[l])
                    m->weight[l][k * weir_matrix_width(m->size[l + 1]) + j] = weight;
                else
                    m->bias[l][j] = weight;
            }
    assert_int_equal(weir_mlp_finish(m, NULL), WEIR_OK);
    return m;
}

static void naive_mlp(const struct weir_mlp *m, const float *row, double *out)
{
    double in[160];
    for (size_t c = 0; c < COLUMNS; c++)
        in[c] = ((double)(known(row[c]) ? row[c] : m->fill[c]) - m->shift[c]) * m->factor[c];
    for (size_t l = 0; l < m->layers; l++) {
        for (size_t j = 0; j < m->size[l + 1]; j++) {
            out[j] = (double)m->bias[l][j];
            for (size_t k = 0; k < m->size[l]; k++)
                out[j] += in[k] * (double)m->weight[l][k * weir_matrix_width(m->size[l + 1]) + j];
        }
        for (size_t j = 0; j < m->size[l + 1]; j++)
            in[j] = fmax(out[j], 0);
    }
}

/* What the straight line from the fill row to the row adds, column by column: the gradient at many points of it. */
static void naive_path(const struct weir_mlp *m, const float *row, double *contributions)
{
    enum { POINTS = 4000 };
    double from[COLUMNS], way[COLUMNS];
    size_t width = weir_matrix_width(m->size[1]);
    for (size_t c = 0; c < COLUMNS; c++) {
        from[c] = ((double)m->fill[c] - m->shift[c]) * m->factor[c];
        way[c] = ((double)(known(row[c]) ? row[c] : m->fill[c]) - m->shift[c]) * m->factor[c] - from[c];
        contributions[c] = 0;
    }
    for (size_t i = 0; i < POINTS; i++)
        for (size_t j = 0; j < m->size[1]; j++) {
            double sum = (double)m->bias[0][j], at = ((double)i + 0.5) / POINTS;
            for (size_t c = 0; c < COLUMNS; c++)
                sum += (double)m->weight[0][c * width + j] * (from[c] + at * way[c]);
            for (size_t c = 0; sum > 0 && c < COLUMNS; c++)
                contributions[c] += (double)m->weight[0][c * width + j] * (double)m->weight[1][j * 16] * way[c] / POINTS;
        }
}

static void mlp(void **state)
{
    (void)state;
    static const uint32_t units[3][3] = {{7}, {100, 33}, {20, 3, 150}};
    float x[ROWS * COLUMNS], margins[ROWS * CLASSES], wild[ROWS * COLUMNS];
    uint64_t seed = 17;
    fill_rows(wild);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        x[i] = i % 11 == 0 ? NAN : i % 17 == 0 ? INFINITY : 3 * random_float(&seed);
    for (size_t classes = 2; classes <= 3; classes++)
        for (size_t hidden = 1; hidden <= 3; hidden++) {
            struct weir_mlp *m = make_mlp(classes, units[hidden - 1], hidden);
            size_t groups = classes == 2 ? 1 : classes;
            weir_model *model = finish(&m->scorer, classes);
            weir_model_margins(model, wild, ROWS, COLUMNS, margins);
            for (size_t i = 0; i < ROWS * groups; i++)
                assert_true(isfinite(margins[i]));
            weir_model_margins(model, x, ROWS, COLUMNS, margins);
            for (size_t r = 0; r < ROWS; r++) {
                double wanted[160], path[COLUMNS], got[COLUMNS], base;
                naive_mlp(m, x + r * COLUMNS, wanted);
                for (size_t g = 0; g < groups; g++)
                    near((double)margins[r * groups + g], wanted[g], "perceptron", r, 1e-5);
                if (hidden > 1)
                    continue;
                naive_path(m, x + r * COLUMNS, path);
                assert_int_equal(weir_model_explain(model, WEIR_EXPLAIN_EXACT, x + r * COLUMNS, 1, COLUMNS, 0, NULL, got, &base),
                                 WEIR_OK);
                for (size_t c = 0; c < COLUMNS; c++)
                    near(got[c], path[c], "along the line", r, 2e-3);
            }
            check_ways(model, &mlp_facts, x, margins);
            if (hidden < 3)
                check_file(model, &mlp_facts, x, margins);
            weir_model_free(&model);
        }
}

/* The same bits whatever the CPU has. */
static void mlp_on_any_cpu(void **state)
{
    (void)state;
    static const char *const variants[] = {"avx512", "avx2", "scalar"};
    static const uint32_t units[] = {120, 40};
    float x[ROWS * COLUMNS], margins[ROWS * CLASSES], first[ROWS * CLASSES];
    fill_rows(x);
    for (size_t v = 0; v < 3; v++) {
        setenv("WEIR_SIMD", variants[v], 1);
        struct weir_mlp *m = make_mlp(3, units, 2);
        weir_model *model = finish(&m->scorer, 3);
        weir_model_margins(model, x, ROWS, COLUMNS, margins);
        if (!v)
            memcpy(first, margins, sizeof first);
        assert_memory_equal(margins, first, sizeof first);
        weir_model_free(&model);
    }
    unsetenv("WEIR_SIMD");
}

static void sizes_out_of_bounds_are_refused(void **state)
{
    (void)state;
    struct weir_linear *l;
    struct weir_gaussian *m;
    assert_int_equal(weir_linear_create(0, 1, WEIR_LINK_LOGISTIC, &l, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_linear_create(1, 5000, WEIR_LINK_LOGISTIC, &l, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_linear_create(1, 1, WEIR_LINK_COUNT, &l, NULL), WEIR_ERR_FORMAT);
    assert_int_equal(weir_gaussian_create(1, 1, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_gaussian_create(40000, 2, &m, NULL), WEIR_ERR_LIMIT);
    struct weir_mlp *p;
    assert_int_equal(weir_mlp_create(1, 2, (const uint32_t[]){0}, 1, &p, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_mlp_create(1, 2, (const uint32_t[]){1025}, 1, &p, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_mlp_create(1, 2, (const uint32_t[]){3}, 0, &p, NULL), WEIR_ERR_LIMIT);
    for (uint32_t kind = 1; kind < WEIR_PAYLOAD_END; kind++) /* what the container lets through is known */
        assert_non_null(weir_scorer_kind_find(kind));
    assert_null(weir_scorer_kind_find(0));
    assert_null(weir_scorer_kind_find(WEIR_PAYLOAD_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(linear), cmocka_unit_test(gaussian), cmocka_unit_test(mlp),
                                       cmocka_unit_test(mlp_on_any_cpu), cmocka_unit_test(sizes_out_of_bounds_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
