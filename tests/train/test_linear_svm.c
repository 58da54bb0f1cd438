/* Linear support vectors: the weights are where the objective, written down for columns as they are, has no slope. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../model/random.h"
#include "model/linear.h"
#include "model/matrix.h"
#include "train/trainers.h"

enum { ROWS = 500, COLUMNS = 6, CLASSES_MAX = 3 };

struct rows {
    float x[COLUMNS][ROWS];
    const float *column[COLUMNS];
    uint32_t row[ROWS], label[ROWS];
    struct weir_train_set set;
};

/* Columns of size 0.01 to 1000; one copies another, one is constant. */
static void make(struct rows *r, size_t classes)
{
    uint64_t seed = 21 + classes;
    for (size_t i = 0; i < ROWS; i++) {
        r->row[i] = (uint32_t)i;
        r->label[i] = (uint32_t)(i % classes);
        for (size_t c = 0; c < COLUMNS; c++)
            r->x[c][i] = (random_float(&seed) + 0.4f * (float)((r->label[i] + c) % classes) + 0.5f) * powf(10, (float)c - 2);
        r->x[4][i] = r->x[2][i];
        r->x[3][i] = 5;
    }
    for (size_t c = 0; c < COLUMNS; c++)
        r->column[c] = r->x[c];
    r->set = (struct weir_train_set){r->column, COLUMNS, r->row, r->label, ROWS, classes};
}

static void fit(const struct rows *r, const char *const *given, size_t count, struct weir_trained *trained)
{
    const struct weir_trainer *trainer = &weir_train_linear_svm;
    struct weir_train_config config = {.seed = 1};
    struct weir_error error;
    if (weir_params_read(trainer->params, trainer->name, given, count, NULL, NULL, &config.params, &error) ||
        trainer->fit(&r->set, &config, trained, &error))
        fail_msg("%s", error.text);
    assert_true(json_is_true(json_object_get(trained->facts, "converged")));
}

static void no_slope(void **state)
{
    (void)state;
    static struct rows r;
    static const char *const given[] = {"C=0.3", "tol=1e-9", "intercept_scaling=2"};
    const double C = 0.3, scaling = 2;
    for (size_t classes = 2; classes <= CLASSES_MAX; classes++) {
        struct weir_trained trained = {0};
        make(&r, classes);
        fit(&r, given, 3, &trained);
        const struct weir_linear *l = (const struct weir_linear *)trained.scorer;
        double factor = json_real_value(json_object_get(trained.facts, "factor"));
        assert_true(factor > 0.01 && factor < 100);
        for (size_t g = 0; g < trained.scorer->groups; g++) {
            double slope[COLUMNS + 1], size[COLUMNS + 1]; /* size: of the terms that cancel */
            for (size_t c = 0; c < COLUMNS; c++)
                size[c] = fabs(slope[c] = l->weight[g * COLUMNS + c] / factor);
            size[COLUMNS] = fabs(slope[COLUMNS] = l->bias[g] / factor / (scaling * scaling));
            for (size_t i = 0; i < ROWS; i++) {
                double value = l->bias[g] / factor, sign = r.label[i] == (classes == 2 ? 1 : g) ? 1 : -1;
                for (size_t c = 0; c < COLUMNS; c++)
                    value += l->weight[g * COLUMNS + c] / factor * (double)r.x[c][i];
                double loss = fmax(0, 1 - sign * value);
                for (size_t c = 0; c <= COLUMNS; c++) {
                    double part = 2 * C * loss * (c < COLUMNS ? (double)r.x[c][i] : 1);
                    slope[c] -= sign * part;
                    size[c] += part;
                }
            }
            for (size_t c = 0; c <= COLUMNS; c++)
                if (!(fabs(slope[c]) <= 1e-6 * size[c] + 1e-9))
                    fail_msg("%zu classes, group %zu, column %zu: slope %g of terms of %g", classes, g, c, slope[c], size[c]);
        }
        weir_trained_fini(&trained);
    }
}

/* Rows that a line parts: the factor stays finite, every row is on its side. */
static void parted(void **state)
{
    (void)state;
    static struct rows r;
    struct weir_trained trained = {0};
    make(&r, 2);
    for (size_t i = 0; i < ROWS; i++)
        r.x[0][i] = r.label[i] ? 1.5f : -1.5f;
    fit(&r, NULL, 0, &trained);
    double factor = json_real_value(json_object_get(trained.facts, "factor"));
    assert_true(factor > 1 && factor < 1000);
    for (size_t i = 0; i < ROWS; i++) {
        float row[COLUMNS], margin;
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = r.x[c][i];
        trained.scorer->kind->rows(trained.scorer, row, 1, COLUMNS, &margin);
        assert_int_equal(margin > 0, r.label[i]);
    }
    weir_trained_fini(&trained);
}

/* The products are what they say, and the same bits in every variant. */
static void products(void **state)
{
    (void)state;
    enum { N = 23, DEPTH = 37, WIDTH = 240 };
    static _Alignas(64) float x[N * 48], w[DEPTH * WIDTH], out[3][N * WIDTH], g[3][DEPTH * WIDTH];
    static _Alignas(64) double h[3][DEPTH * 48], v[48], dots[3][N], sum[3][48];
    const struct weir_matrix_kernels *variant[3] = {&weir_matrix_plain, &weir_matrix_plain, &weir_matrix_plain};
    static const char *const names[3] = {"scalar", "avx2", "avx512"};
    static _Alignas(64) float few[N * WIDTH];
    const float *row[N], *wide[N];
    uint64_t mark[N] = {0}, seed = 8;
    const uint64_t *marks[N];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = i % 48 < DEPTH && i % 3 ? random_float(&seed) : 0;
    for (size_t i = 0; i < sizeof w / sizeof *w; i++)
        w[i] = random_float(&seed);
    for (size_t i = 0; i < 48; i++)
        v[i] = (double)random_float(&seed);
    for (size_t r = 0; r < N; r++) {
        row[r] = x + r * 48;
        wide[r] = w + r * WIDTH;
        marks[r] = &mark[r];
        for (size_t d = 0; d < DEPTH; d++)
            mark[r] |= (uint64_t)(row[r][d] != 0) << d;
    }
    for (size_t k = 0; k < 3; k++) {
        setenv("WEIR_SIMD", names[k], 1);
        variant[k] = weir_matrix_here();
        for (size_t width = 16; width <= WIDTH; width += 16) { /* every way to part a width */
            for (size_t i = 0; i < N * width; i++)
                out[k][i] = (float)(i % 5);
            variant[k]->product(row, N, DEPTH, w, width, out[k], row);
            for (size_t r = 0; r < N; r++)
                for (size_t j = 0; j < width; j++) {
                    double wanted = (double)((r * width + j) % 5);
                    for (size_t d = 0; d < DEPTH; d++)
                        wanted += (double)row[r][d] * (double)w[d * width + j];
                    assert_true(fabs((double)out[k][r * width + j] - wanted) < 1e-4);
                }
            for (size_t i = 0; i < N * width; i++)
                few[i] = (float)(i % 5);
            variant[k]->sparse(row, marks, N, DEPTH, w, width, few, row);
            assert_memory_equal(few, out[k], N * width * sizeof *few);
        }
        variant[k]->outer(row, wide, N, DEPTH, WIDTH, g[k]);
        variant[k]->gram(row, N, DEPTH, 48, h[k]);
        variant[k]->dots(x, N, 48, v, dots[k]);
        variant[k]->combine(x, N, 48, dots[k], sum[k]);
        assert_memory_equal(out[k], out[0], sizeof out[0]);
        assert_memory_equal(g[k], g[0], sizeof g[0]);
        assert_memory_equal(dots[k], dots[0], sizeof dots[0]);
        assert_memory_equal(sum[k], sum[0], sizeof sum[0]);
        for (size_t d = 0; d < DEPTH; d++) {
            assert_memory_equal(h[k] + d * 48 + d, h[0] + d * 48 + d, (48 - d) * sizeof **h);
            for (size_t j = d; j < DEPTH; j++) {
                double wanted = 0;
                for (size_t r = 0; r < N; r++)
                    wanted += (double)row[r][d] * (double)row[r][j];
                assert_true(fabs(h[k][d * 48 + j] - wanted) < 1e-10);
            }
            for (size_t j = 0; j < WIDTH; j++) {
                double wanted = 0;
                for (size_t r = 0; r < N; r++)
                    wanted += (double)row[r][d] * (double)wide[r][j];
                assert_true(fabs((double)g[k][d * WIDTH + j] - wanted) < 1e-4);
            }
        }
        for (size_t r = 0; r < N; r++) {
            double wanted = 0;
            for (size_t d = 0; d < DEPTH; d++)
                wanted += (double)row[r][d] * v[d];
            assert_true(fabs(dots[k][r] - wanted) < 1e-10);
        }
        for (size_t d = 0; d < DEPTH; d++) {
            double wanted = 0;
            for (size_t r = 0; r < N; r++)
                wanted += (double)row[r][d] * dots[k][r];
            assert_true(fabs(sum[k][d] - wanted) < 1e-10);
        }
    }
    unsetenv("WEIR_SIMD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_slope), cmocka_unit_test(parted), cmocka_unit_test(products)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
