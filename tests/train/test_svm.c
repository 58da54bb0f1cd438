/* The solver of support vector machines against the conditions of the optimum, computed in float64 from the rows alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model/random.h"
#include "model/rbf.h"
#include "train/svm_solver.h"
#include "train/trainers.h"

enum { COLUMNS = 6, MOST = 1500 };

struct rows {
    float x[2 * MOST][COLUMNS], half[2 * MOST], weight[2 * MOST];
    struct weir_svm_problem problem;
};

/* Two overlapping clouds; every fifth row weighs two or three. */
static void make(struct rows *r, size_t low, size_t high, double C, double tolerance)
{
    uint64_t seed = low + 3 * high;
    for (size_t i = 0; i < low + high; i++) {
        for (size_t c = 0; c < COLUMNS; c++)
            r->x[i][c] = 1.5f * random_float(&seed) + (i < low ? -0.35f : 0.35f) * (c < 3);
        r->half[i] = weir_rbf_half(r->x[i], COLUMNS);
        r->weight[i] = i % 5 ? 1 : (float)(2 + i % 2);
    }
    r->problem =
        (struct weir_svm_problem){.side = {{r->x[0], r->half, r->weight, low}, {r->x[low], r->half + low, r->weight + low, high}},
                                  .columns = COLUMNS,
                                  .near = true,
                                  .C = C,
                                  .tolerance = tolerance,
                                  .rounds = 10000};
}

static double kernel(const struct rows *r, size_t i, size_t k)
{
    double square = 0;
    for (size_t c = 0; c < COLUMNS; c++) {
        double d = (double)r->x[i][c] - (double)r->x[k][c];
        square += d * d;
    }
    return exp2(-square / 2);
}

/* Feasible, no pair violates the conditions by more than the tolerance, and the primal problem's value is the dual's. */
static void check(const struct rows *r, const struct weir_svm_result *result)
{
    const struct weir_svm_problem *p = &r->problem;
    size_t low = p->side[0].rows, rows = low + p->side[1].rows;
    double balance = 0, up = INFINITY, down = -INFINITY, dual = 0, square = 0, losses = 0;
    for (size_t i = 0; i < rows; i++) {
        double y = i < low ? -1 : 1, f = 0, most = p->C * (double)r->weight[i];
        for (size_t k = 0; k < rows; k++)
            f += (k < low ? -result->alpha[k] : result->alpha[k]) * kernel(r, i, k);
        assert_true(result->alpha[i] >= 0 && result->alpha[i] <= most);
        balance += y * result->alpha[i];
        dual += result->alpha[i];
        square += y * result->alpha[i] * f;
        losses += most * fmax(0, 1 - y * (f + result->bias));
        if (y > 0 ? result->alpha[i] < most : result->alpha[i] > 0)
            up = fmin(up, f - y);
        if (y > 0 ? result->alpha[i] > 0 : result->alpha[i] < most)
            down = fmax(down, f - y);
    }
    double primal = square / 2 + losses;
    dual -= square / 2;
    assert_true(result->converged && result->gap < p->tolerance);
    assert_true(fabs(balance) < 1e-6 * p->C * (double)rows);
    if (!(down - up < p->tolerance + 1e-4))
        fail_msg("%zu rows, C %g: violated by %g", rows, p->C, down - up);
    if (!(fabs(-dual - result->objective) < 1e-4 * fabs(dual) && primal - dual < 4e-3 * fabs(dual) &&
          primal - dual > -1e-4 * fabs(dual)))
        fail_msg("%zu rows, C %g: primal %.9g, dual %.9g, said %.9g", rows, p->C, primal, dual, -result->objective);
}

static void the_optimum_is_found(void **state)
{
    (void)state;
    static struct rows r;
    static const struct {
        size_t low, high;
        double C;
    } cases[] = {{1, 1, 1}, {3, 40, 1}, {100, 90, 10}, {300, 400, 0.1}, {700, 650, 1}, {700, 650, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir_svm_result result;
        make(&r, cases[i].low, cases[i].high, cases[i].C, 1e-3);
        assert_int_equal(weir_svm_solve(&r.problem, &result, NULL), WEIR_OK);
        check(&r, &result);
        free(result.alpha);
    }
}

/* A row that weighs two is two rows. */
static void weights_are_rows(void **state)
{
    (void)state;
    static struct rows merged, apart;
    struct weir_svm_result a, b;
    make(&merged, 60, 60, 1, 1e-5);
    apart = merged;
    size_t rows = 0, low = 0;
    for (size_t i = 0; i < 120; i++)
        for (int k = 0; k < (int)merged.weight[i]; k++, rows++) {
            memcpy(apart.x[rows], merged.x[i], sizeof merged.x[i]);
            apart.half[rows] = merged.half[i];
            apart.weight[rows] = 1;
            low += i < 60;
        }
    apart.problem.side[0] = (struct weir_svm_class){apart.x[0], apart.half, apart.weight, low};
    apart.problem.side[1] = (struct weir_svm_class){apart.x[low], apart.half + low, apart.weight + low, rows - low};
    assert_int_equal(weir_svm_solve(&merged.problem, &a, NULL), WEIR_OK);
    assert_int_equal(weir_svm_solve(&apart.problem, &b, NULL), WEIR_OK);
    assert_true(fabs(a.objective - b.objective) < 1e-4 && fabs(a.bias - b.bias) < 1e-3);
    free(a.alpha);
    free(b.alpha);
}

static void every_variant_gives_the_same_bits(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const variants[] = {"scalar", "avx2", "avx512"};
    for (int near = 0; near < 2; near++) {
        double *first = NULL;
        make(&r, 400, 300, 1, 1e-3);
        r.problem.near = near;
        for (size_t v = 0; v < 3; v++) {
            struct weir_svm_result result;
            setenv("WEIR_SIMD", variants[v], 1);
            assert_int_equal(weir_svm_solve(&r.problem, &result, NULL), WEIR_OK);
            if (!v) {
                check(&r, &result);
                first = result.alpha;
                continue;
            }
            assert_memory_equal(result.alpha, first, 700 * sizeof *first);
            free(result.alpha);
        }
        free(first);
    }
    unsetenv("WEIR_SIMD");
}

static void it_stops_when_told(void **state)
{
    (void)state;
    static struct rows r;
    static const volatile sig_atomic_t stop = 1;
    struct weir_svm_result result;
    make(&r, 50, 50, 1, 1e-3);
    r.problem.stop = &stop;
    assert_int_equal(weir_svm_solve(&r.problem, &result, NULL), WEIR_ERR_CLOSED);
    assert_null(result.alpha);
}

/* Past the limit it says how long it would take, and which parameter goes on. */
static void many_rows_are_asked_for(void **state)
{
    (void)state;
    static struct rows r;
    static float column[COLUMNS][300];
    const float *x[COLUMNS];
    uint32_t row[300], label[300];
    struct weir_train_config config = {.seed = 1};
    struct weir_trained trained = {0};
    struct weir_error error = {0};
    const char *given[] = {"max_rows=299"};
    make(&r, 150, 150, 1, 1e-3);
    for (uint32_t i = 0; i < 300; i++) {
        row[i] = i;
        label[i] = i >= 150;
        for (size_t c = 0; c < COLUMNS; c++)
            column[c][i] = r.x[i][c];
    }
    for (size_t c = 0; c < COLUMNS; c++)
        x[c] = column[c];
    const struct weir_train_set set = {x, COLUMNS, row, label, 300, 2};
    assert_int_equal(weir_params_read(weir_train_svm.params, "svm", given, 1, NULL, NULL, &config.params, &error), WEIR_OK);
    assert_int_equal(weir_train_svm.fit(&set, &config, &trained, &error), WEIR_ERR_LIMIT);
    assert_non_null(strstr(error.text, "300 different rows would take about"));
    assert_non_null(strstr(error.text, "max_rows=300"));
    assert_null(trained.scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_optimum_is_found), cmocka_unit_test(weights_are_rows),
                                       cmocka_unit_test(every_variant_gives_the_same_bits), cmocka_unit_test(it_stops_when_told),
                                       cmocka_unit_test(many_rows_are_asked_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
