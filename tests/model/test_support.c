/* Support vectors: decisions as written down, in float64; one bit pattern by rows, by blocks and by every variant of the code;
 * files that come back and files that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/support.h"
#include "random.h"
#include "ways.h"

enum { ROWS = 700 };
static const struct kind_facts facts = {ROWS, 1e-12, true, 32};

/* `wide`: vectors so far out that the quick way is not good enough. */
static struct weir_support *make(size_t classes, size_t vectors, bool wide)
{
    struct weir_support *m;
    struct weir_error error;
    uint64_t seed = 21 + classes;
    if (weir_support_create(COLUMNS, classes, COLUMNS - 1, vectors, &m, &error))
        fail_msg("%s", error.text);
    for (size_t c = 0; c < COLUMNS; c++) {
        m->fill[c] = 0.5f * (float)c;
        m->mean[c] = (double)random_float(&seed);
        m->scale[c] = c == 2 ? 1e-3 : 0.6 + 0.1 * (double)c; /* column 2 is not kept */
    }
    for (uint32_t c = 0, k = 0; c < COLUMNS; c++)
        if (c != 2)
            m->kept[k++] = c;
    for (size_t k = 0; k < classes; k++)
        m->count[k] = (uint32_t)(k + 1 < classes ? vectors / classes : vectors - k * (vectors / classes));
    for (size_t i = 0; i < vectors * (COLUMNS - 1); i++)
        m->vector[i] = random_float(&seed) * (wide && i % 50 == 0 ? 400 : 2);
    for (size_t i = 0; i < vectors * (classes - 1); i++)
        m->coef[i] = random_float(&seed);
    for (size_t p = 0; p < m->pairs; p++)
        m->bias[p] = (double)random_float(&seed);
    m->slope = 1.5;
    if (weir_support_finish(m, &error))
        fail_msg("%s", error.text);
    return m;
}

/* The decision of classes i < k, by the definition. */
static double decide(const struct weir_support *m, const float *row, size_t i, size_t k)
{
    double sum = 0, away = 0, u[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        double x = (double)(fabsf(row[c]) <= FLT_MAX ? row[c] : m->fill[c]);
        u[c] = (x - m->mean[c]) * m->scale[c];
        if (c == 2)
            away = u[c] * u[c];
    }
    for (size_t v = 0, class = 0, left = m->count[0]; v < m->vectors; v++, left--) {
        for (; !left; left = m->count[class])
            class ++;
        if (class != i && class != k)
            continue;
        double square = 0;
        for (size_t n = 0; n < m->kept_count; n++) {
            double d = u[m->kept[n]] - (double)m->vector[v * m->kept_count + n];
            square += d * d;
        }
        size_t other = class == i ? k - 1 : i;
        sum += (double)m->coef[v * (m->classes - 1) + other] * exp2(-square / 2);
    }
    return m->bias[i * (2 * m->classes - i - 1) / 2 + k - i - 1] + exp2(-away / 2) * sum;
}

static void check_margins(const struct weir_support *m, const float *x, const float *margins)
{
    for (size_t r = 0; r < ROWS; r++) {
        const float *row = x + r * COLUMNS;
        double wanted[CLASSES] = {0}, votes[CLASSES] = {0}, sure[CLASSES] = {0};
        bool close = false; /* to a vote of the other side */
        for (size_t i = 0; i < m->classes; i++)
            for (size_t k = i + 1; k < m->classes; k++) {
                double d = decide(m, row, i, k);
                votes[d > 0 ? k : i]++;
                sure[k] += d;
                sure[i] -= d;
                close = close || fabs(d) < 1e-4;
            }
        for (size_t k = 0; k < m->classes; k++)
            wanted[k] = m->slope * (votes[k] + sure[k] / (3 * (fabs(sure[k]) + 1)));
        if (m->classes == 2)
            wanted[0] = m->slope * decide(m, row, 0, 1);
        for (size_t g = 0; g < m->scorer.groups && !(close && m->classes > 2); g++)
            if (!(fabs((double)margins[r * m->scorer.groups + g] - wanted[g]) <= 2e-5))
                fail_msg("row %zu, group %zu: %.9g, wanted %.9g", r, g, (double)margins[r * m->scorer.groups + g], wanted[g]);
    }
}

static void models(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS], margins[ROWS * CLASSES], other[ROWS * CLASSES];
    static const char *const variants[] = {"scalar", "avx2"};
    uint64_t seed = 99;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        x[i] = i % 7 ? random_value(&seed, 0.25f) : 3 * random_float(&seed);
    for (size_t classes = 2; classes <= CLASSES; classes++)
        for (int wide = 0; wide < 2; wide++) {
            struct weir_support *big = make(classes, 1300, wide), *m = make(classes, 5, wide);
            struct weir_scorer *scorer = &big->scorer;
            scorer->kind->rows(scorer, x, ROWS, COLUMNS, margins);
            check_margins(big, x, margins);
            for (size_t v = 0; v < 2; v++) {
                setenv("WEIR_SIMD", variants[v], 1);
                struct weir_support *twin = make(classes, 1300, wide);
                unsetenv("WEIR_SIMD");
                twin->scorer.kind->rows(&twin->scorer, x, ROWS, COLUMNS, other);
                assert_memory_equal(other, margins, ROWS * scorer->groups * sizeof *other);
                struct weir_scorer *end = &twin->scorer;
                weir_scorer_free(&end);
            }
            weir_scorer_free(&scorer);
            weir_model *model = finish(&m->scorer, classes);
            weir_model_margins(model, x, ROWS, COLUMNS, margins);
            check_margins(m, x, margins);
            check_ways(model, &facts, x, margins);
            check_file(model, &facts, x, margins);
            weir_model_free(&model);
        }
}

static void sizes_out_of_bounds_are_refused(void **state)
{
    (void)state;
    struct weir_support *m;
    assert_int_equal(weir_support_create(0, 2, 0, 5, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_support_create(5000, 2, 1, 5, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_support_create(3, 65, 1, 5, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_support_create(3, 2, 4, 5, &m, NULL), WEIR_ERR_FORMAT);
    assert_int_equal(weir_support_create(3, 2, 3, (size_t)1 << 30, &m, NULL), WEIR_ERR_LIMIT);
    /* no columns that matter, no vectors: the bias decides */
    assert_int_equal(weir_support_create(3, 2, 0, 0, &m, NULL), WEIR_OK);
    m->bias[0] = -0.25;
    assert_int_equal(weir_support_finish(m, NULL), WEIR_OK);
    float row[3] = {1, NAN, 2}, margin;
    m->scorer.kind->rows(&m->scorer, row, 1, 3, &margin);
    assert_true(margin == -0.25f);
    struct weir_scorer *scorer = &m->scorer;
    weir_scorer_free(&scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(models), cmocka_unit_test(sizes_out_of_bounds_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
