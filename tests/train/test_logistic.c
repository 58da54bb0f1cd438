/* Logistic regression: the optimum of all rows is found though a few say how the loss bends; what its steps are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../model/random.h"
#include "train/cholesky.h"
#include "train/line_search.h"
#include "train/trainers.h"

enum { ROWS = 6000, COLUMNS = 4 };

struct rows {
    float x[COLUMNS][ROWS];
    uint32_t row[ROWS], label[ROWS];
};

/* Columns of different size, one in fifty far out; labels that no line parts. */
static void make(struct rows *r)
{
    uint64_t seed = 11;
    for (uint32_t i = 0; i < ROWS; i++) {
        double z = -1;
        r->row[i] = i;
        for (size_t c = 0; c < COLUMNS; c++) {
            double value = (double)random_float(&seed) * (random_below(&seed, 50) ? 1 : 30);
            r->x[c][i] = (float)(value * pow(10, (double)c - 2) + 3);
            z += value * (c % 2 ? 1.5 : -0.8);
        }
        r->label[i] = (double)random_float(&seed) * 0.5 + 0.5 < 1 / (1 + exp(-z));
    }
}

static double margin_of(const struct weir_scorer *scorer, const float *row)
{
    float margin;
    scorer->kind->rows(scorer, row, 1, COLUMNS, &margin);
    return (double)margin;
}

static void the_optimum_is_that_of_all_rows(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const given[] = {"tol=1e-7", "C=0.01"};
    make(&r);
    const float *column[COLUMNS] = {r.x[0], r.x[1], r.x[2], r.x[3]};
    const struct weir_train_set set = {column, COLUMNS, r.row, r.label, ROWS, 2};
    struct weir_train_config config = {.seed = 1};
    struct weir_trained trained = {0};
    struct weir_error error;
    const struct weir_trainer *trainer = &weir_train_logistic;
    assert_int_equal(weir_params_read(trainer->params, trainer->name, given, 2, NULL, NULL, &config.params, &error), WEIR_OK);
    assert_int_equal(trainer->fit(&set, &config, &trained, &error), WEIR_OK);
    assert_true(json_is_true(json_object_get(trained.facts, "converged")));
    assert_true(json_integer_value(json_object_get(trained.facts, "iterations")) < 40);
    /* The gradient of mean loss + |w|^2 / (2 C rows) at what came out, from the margins alone, in the columns' own units. */
    float row[COLUMNS] = {0};
    double zero = margin_of(trained.scorer, row), gradient[COLUMNS + 1] = {0}, length[COLUMNS] = {0};
    for (size_t c = 0; c < COLUMNS; c++) {
        row[c] = 1000;
        gradient[c] = (margin_of(trained.scorer, row) - zero) / 1000 / (0.01 * ROWS);
        row[c] = 0;
    }
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = r.x[c][i];
        double d = (1 / (1 + exp(-margin_of(trained.scorer, row))) - r.label[i]) / ROWS;
        for (size_t c = 0; c < COLUMNS; c++) {
            gradient[c] += d * (double)row[c];
            length[c] += fabs((double)row[c]) / ROWS;
        }
        gradient[COLUMNS] += d;
    }
    for (size_t c = 0; c < COLUMNS; c++)
        assert_true(fabs(gradient[c]) < 2e-6 * length[c]);
    assert_true(fabs(gradient[COLUMNS]) < 2e-6);
    weir_trained_fini(&trained);
}

static void systems_are_solved(void **state)
{
    (void)state;
    enum { N = 5, STRIDE = 8 };
    uint64_t seed = 2;
    double root[N][N], a[N * STRIDE] = {0}, copy[N * STRIDE], x[N], b[N];
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++)
            root[i][k] = (double)random_float(&seed);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++)
            for (size_t m = 0; m < N; m++)
                a[i * STRIDE + k] += root[m][i] * root[m][k];
    memcpy(copy, a, sizeof a);
    for (size_t i = 0; i < N; i++)
        x[i] = b[i] = (double)i - 1;
    weir_cholesky_factor(a, N, STRIDE);
    weir_cholesky_solve(a, N, STRIDE, x);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t k = 0; k < N; k++)
            sum += copy[i * STRIDE + k] * x[k];
        assert_true(fabs(sum - b[i]) < 1e-6);
    }
    /* two columns that say the same: the sum is what the system asks for */
    double same[2 * STRIDE] = {[0] = 1, [1] = 1, [STRIDE] = 1, [STRIDE + 1] = 1}, y[2] = {3, 3};
    weir_cholesky_factor(same, 2, STRIDE);
    weir_cholesky_solve(same, 2, STRIDE, y);
    assert_true(fabs(y[0] + y[1] - 3) < 1e-4);
}

/* log cosh(t - 700) */
static double far_valley(void *context, double t, double *growth)
{
    (void)context;
    double slope = tanh(t - 700);
    *growth = 1 - slope * slope;
    return slope;
}

static void a_line_is_searched_to_its_valley(void **state)
{
    (void)state;
    assert_true(fabs(weir_line_search(far_valley, NULL, 1e-9) - 700) < 1e-8); /* flat where it starts: Newton's step is no help */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_optimum_is_that_of_all_rows), cmocka_unit_test(systems_are_solved),
                                       cmocka_unit_test(a_line_is_searched_to_its_valley)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
