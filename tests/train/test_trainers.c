/* Trainers: hard rows are dealt with, the same rows give the same bytes by every variant of the code, parameters are checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model/random.h"
#include "train/eigen.h"
#include "train/exact.h"
#include "train/lbfgs.h"
#include "train/moments.h"
#include "train/trainers.h"

enum { ROWS = 700, COLUMNS = 7, CLASSES_MAX = 3 };

struct rows {
    float x[COLUMNS][ROWS];
    const float *column[COLUMNS];
    uint32_t row[ROWS], label[ROWS];
    struct weir_train_set set;
};

/* Columns of very different size; one constant, one all missing, one with gaps, one that copies another. */
static void make(struct rows *r, size_t classes, size_t rows)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < ROWS; i++) {
        r->row[i] = (uint32_t)i;
        r->label[i] = (uint32_t)(i % classes);
        for (size_t c = 0; c < COLUMNS; c++)
            r->x[c][i] = (random_float(&seed) + 0.7f * (float)((r->label[i] + c) % classes)) * powf(30, (float)c - 3);
        r->x[1][i] = 42;
        r->x[2][i] = NAN;
        if (random_below(&seed, 4) == 0)
            r->x[3][i] = NAN;
        r->x[5][i] = r->x[4][i];
    }
    for (size_t c = 0; c < COLUMNS; c++)
        r->column[c] = r->x[c];
    r->set = (struct weir_train_set){r->column, COLUMNS, r->row, r->label, rows, classes};
}

static struct weir_scorer *fit(const struct weir_trainer *trainer, const struct rows *r, enum weir_scale scale)
{
    struct weir_train_config config = {.scale = scale, .seed = 1};
    struct weir_trained trained = {0};
    struct weir_error error;
    if (weir_params_read(trainer->params, trainer->name, NULL, 0, NULL, NULL, &config.params, &error) ||
        trainer->fit(&r->set, &config, &trained, &error))
        fail_msg("%s: %s", trainer->name, error.text);
    struct weir_scorer *scorer = trained.scorer;
    trained.scorer = NULL;
    weir_trained_fini(&trained);
    return scorer;
}

/* Margins are finite on any row, and say the truth for most. */
static void check_scores(const struct weir_scorer *scorer, const struct rows *r, size_t least, const char *name)
{
    size_t right = 0, groups = scorer->groups;
    float margins[CLASSES_MAX], row[COLUMNS];
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = r->x[c][i];
        scorer->kind->rows(scorer, row, 1, COLUMNS, margins);
        size_t best = groups == 1 ? margins[0] > 0 : 0;
        for (size_t g = 0; g < groups; g++) {
            assert_true(isfinite(margins[g]));
            if (groups > 1 && margins[g] > margins[best])
                best = g;
        }
        right += best == r->label[i];
    }
    if (right < least)
        fail_msg("%s: %zu of %d are right", name, right, ROWS);
    uint64_t seed = 9;
    for (size_t k = 0; k < 200; k++) {
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = random_value(&seed, 42);
        scorer->kind->rows(scorer, row, 1, COLUMNS, margins);
        for (size_t g = 0; g < groups; g++)
            assert_true(isfinite(margins[g]));
    }
}

static uint8_t *bytes_of(const struct weir_scorer *scorer, size_t *size)
{
    *size = scorer->kind->bytes(scorer);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    scorer->kind->encode(scorer, bytes);
    return bytes;
}

static void two_classes_only(const struct weir_trainer *trainer, const struct rows *r)
{
    struct weir_train_config config = {.seed = 1};
    struct weir_trained trained = {0};
    struct weir_error error;
    assert_int_equal(weir_params_read(trainer->params, trainer->name, NULL, 0, NULL, NULL, &config.params, &error), WEIR_OK);
    assert_int_equal(trainer->fit(&r->set, &config, &trained, &error), WEIR_ERR_ARGUMENT);
    assert_null(trained.scorer);
}

static void rows_of_all_kinds(void **state)
{
    (void)state;
    static struct rows r;
    for (const struct weir_trainer *const *t = weir_trainers(); *t; t++)
        for (size_t classes = 2; classes <= CLASSES_MAX && !(*t)->ready; classes++) /* libraries: test_boosted.c, test_xgb.c */
            for (int scale = WEIR_SCALE_NONE; scale <= WEIR_SCALE_STANDARD; scale++) {
                make(&r, classes, ROWS);
                if (classes > 2 && (*t)->unsupervised) {
                    two_classes_only(*t, &r);
                    continue;
                }
                struct weir_scorer *scorer = fit(*t, &r, (enum weir_scale)scale);
                /* By its smoothing, by its width, by large columns. */
                bool drowned = *t == &weir_train_gaussian_nb || *t == &weir_train_svm || *t == &weir_train_mlp;
                size_t least = (drowned && scale == WEIR_SCALE_NONE) || *t == &weir_train_isolation_forest ? 0 : ROWS * 6 / 10;
                check_scores(scorer, &r, least, (*t)->name);
                weir_scorer_free(&scorer);
                make(&r, classes, classes); /* a row a class */
                if (*t != &weir_train_lda) {
                    scorer = fit(*t, &r, (enum weir_scale)scale);
                    weir_scorer_free(&scorer);
                }
            }
}

static void every_variant_gives_the_same_bytes(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const variants[] = {"scalar", "avx2", "avx512"};
    for (const struct weir_trainer *const *t = weir_trainers(); *t; t++)
        for (size_t classes = 2; classes <= CLASSES_MAX; classes++) {
            uint8_t *first = NULL, *bytes;
            size_t first_size = 0, size;
            make(&r, classes, ROWS);
            if ((*t)->ready || (classes > 2 && (*t)->unsupervised)) /* a library's bytes are its own affair */
                continue;
            for (size_t v = 0; v < 3; v++) {
                setenv("WEIR_SIMD", variants[v], 1);
                struct weir_scorer *scorer = fit(*t, &r, WEIR_SCALE_NONE);
                bytes = bytes_of(scorer, &size);
                weir_scorer_free(&scorer);
                if (!v) {
                    first = bytes;
                    first_size = size;
                    continue;
                }
                assert_int_equal(size, first_size);
                assert_memory_equal(bytes, first, size);
                free(bytes);
            }
            free(first);
        }
    unsetenv("WEIR_SIMD");
}

static void parameters_are_checked(void **state)
{
    (void)state;
    const struct weir_param *table = weir_train_logistic.params;
    struct weir_params params;
    struct weir_error error;
    const char *given[] = {"C=0.5", "C=2"}, *unknown[] = {"depth=3"}, *wrong[] = {"C=-1"}, *part[] = {"max_iter=1.5"},
               *bare[] = {"C"};
    assert_int_equal(weir_params_read(table, "a", given, 2, NULL, NULL, &params, &error), WEIR_OK);
    assert_true(weir_params_real(&params, "C") == 2);
    assert_int_equal(weir_params_whole(&params, "max_iter"), 100);
    assert_int_equal(weir_params_read(table, "a", unknown, 1, NULL, NULL, &params, &error), WEIR_ERR_ARGUMENT);
    assert_string_equal(error.text, "a has no parameter 'depth'; it has C, max_iter, tol");
    assert_int_equal(weir_params_read(table, "a", wrong, 1, NULL, NULL, &params, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_params_read(table, "a", part, 1, NULL, NULL, &params, &error), WEIR_ERR_ARGUMENT);
    assert_int_equal(weir_params_read(table, "a", bare, 1, NULL, NULL, &params, &error), WEIR_ERR_ARGUMENT);
    const char *more[2];
    size_t count;
    assert_int_equal(weir_params_read(table, "a", unknown, 1, more, &count, &params, &error), WEIR_OK);
    assert_int_equal(count, 1);
}

static double rosenbrock(void *context, const double *x, double *gradient)
{
    (void)context;
    double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * b * x[0];
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
}

static void the_valley_s_end_is_found(void **state)
{
    (void)state;
    double x[2] = {-1.2, 1};
    struct weir_lbfgs_result result;
    const struct weir_lbfgs_config config = {.variables = 2, .tolerance = 1e-8, .iterations = 200, .value = rosenbrock};
    assert_int_equal(weir_lbfgs(&config, x, &result, NULL), WEIR_OK);
    assert_true(result.converged && result.iterations < 60);
    assert_true(fabs(x[0] - 1) < 1e-7 && fabs(x[1] - 1) < 1e-7);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 20000; i++) {
        double x = (double)random_float(&seed) * 700, e = exp(x), l;
        assert_true(fabs(weir_exact_exp(x) - e) <= 1e-15 * e + 1e-300);
        l = log(e);
        assert_true(fabs(weir_exact_log(e) - l) <= 4e-16 * fabs(l) + 1e-16);
    }
    /* large numbers close together: the spread is exact where a plain sum of squares has no digit left */
    float x[1000];
    uint32_t row[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        row[i] = i;
        x[i] = i % 10 == 9 ? NAN : 16777216.0f - (float)(2 * (i % 10));
    }
    struct weir_moments m = weir_moments_of(x, row, 1000);
    assert_true(m.count == 900 && fabs(m.mean - 16777208) < 1e-6 && fabs(weir_moments_variance(m) - 80.0 / 3) < 1e-9);
    /* A = Q diag(e) Q' comes back */
    enum { N = 6 };
    double a[N * N], copy[N * N], v[N * N];
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k <= i; k++)
            a[i * N + k] = a[k * N + i] = (double)random_float(&seed);
    memcpy(copy, a, sizeof a);
    weir_eigen_symmetric(a, N, v);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++) {
            double sum = 0, unit = 0;
            for (size_t e = 0; e < N; e++) {
                sum += v[i * N + e] * a[e * N + e] * v[k * N + e];
                unit += v[i * N + e] * v[k * N + e];
            }
            assert_true(fabs(sum - copy[i * N + k]) < 1e-12 && fabs(unit - (i == k)) < 1e-12);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_of_all_kinds), cmocka_unit_test(every_variant_gives_the_same_bytes),
                                       cmocka_unit_test(parameters_are_checked), cmocka_unit_test(the_valley_s_end_is_found),
                                       cmocka_unit_test(numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
