/* Nearest neighbours: the lists of a search are those of looking at every row, whatever the rows are like; one bit pattern by
 * rows, by blocks and by every variant of the code; files that come back and files that are refused. */
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
#include "model/model.h"
#include "model/neighbours.h"
#include "random.h"
#include "ways.h"

enum { ROWS = 700 };
static const struct kind_facts facts = {ROWS, 1e-12, true, 32};

enum { QUERIES = 150, NEAREST_MAX = 40 };

enum shape { PLAIN, LOUD, HEAPS, FAR, HUGE_VALUES, TINY, GRID, ONE_POINT, SHAPES };

/* A value of row i, column c. */
static float make_value(enum shape shape, size_t i, size_t c, uint64_t *seed)
{
    float x = random_float(seed);
    switch (shape) {
    case LOUD: /* columns of very different size */
        return x * powf(10, (float)(c % 9) - 3) * (c % 5 ? 1 : x * x * x);
    case HEAPS: /* most rows are one of a few */
        return (float)((i % 7) * (c + 1)) + (i % 3 ? 0 : x * 1e-3f);
    case FAR: /* small differences far from 0 */
        return c % 3 ? 3e9f + 1024 * (float)random_below(seed, 9) : x;
    case HUGE_VALUES: /* squares that are beyond float32, and floats that are the last ones */
        return c % 2 ? x * 3e38f : x * 1e19f;
    case TINY:
        return c % 4 ? x * 1e-40f : x * 1e-25f;
    case GRID: /* many equal distances */
        return (float)random_below(seed, 3);
    case ONE_POINT:
        return (float)c;
    default:
        return x;
    }
}

static struct weir_neighbours *make(enum shape shape, size_t columns, size_t rows, size_t nearest, size_t classes,
                                    bool by_distance)
{
    struct weir_neighbours *m;
    struct weir_error error;
    uint64_t seed = 11 + shape;
    if (weir_neighbours_create(columns, classes, rows, nearest, by_distance, &m, &error))
        fail_msg("%s", error.text);
    for (size_t c = 0; c < columns; c++) {
        m->index.factor[c] = c % 4 == 3 ? 0.37 : 1;
        m->fill[c] = shape == FAR ? 3e9f : 0.25f;
    }
    for (size_t i = 0; i < rows; i++) {
        m->label[i] = (uint16_t)random_below(&seed, (unsigned)classes);
        for (size_t c = 0; c < columns; c++)
            m->index.x[i * m->index.stride + c] = make_value(shape, i, c, &seed);
    }
    if (weir_neighbours_finish(m, NULL, &error))
        fail_msg("%s", error.text);
    return m;
}

/* A query: one of the rows, near one, or anywhere. */
static void make_query(const struct weir_neighbours *m, enum shape shape, size_t i, uint64_t *seed, float *row)
{
    const float *near = m->index.x + random_below(seed, (unsigned)m->index.rows) * m->index.stride;
    memset(row, 0, m->index.stride * sizeof *row);
    for (size_t c = 0; c < m->index.columns; c++) {
        float x = make_value(shape, i, c, seed);
        row[c] = i % 3 == 0 ? near[c] : i % 3 == 1 ? near[c] * (1 + 1e-3f * random_float(seed)) : x;
        row[c] = fmaxf(-FLT_MAX, fminf(row[c], FLT_MAX));
        if (i % 17 == 16)
            row[c] = random_float(seed) * FLT_MAX;
    }
}

struct found {
    double d;
    uint32_t row;
};

static int by_distance(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->d < y->d ? -1 : x->d > y->d ? 1 : x->row < y->row ? -1 : x->row > y->row;
}

/* Every row, by the definition. */
static void look_at_all(const struct weir_neighbours *m, const float *row, struct found *out)
{
    const struct weir_neighbour_index *n = &m->index;
    for (size_t i = 0; i < n->rows; i++) {
        double lane[8] = {0};
        for (size_t c = 0; c < n->columns; c++) {
            double d = ((double)row[c] - (double)n->x[i * n->stride + c]) * n->factor[c];
            lane[c % 8] += d * d;
        }
        out[i].d = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
        out[i].row = (uint32_t)i;
    }
    qsort(out, n->rows, sizeof *out, by_distance);
}

static void check_lists(enum shape shape, size_t columns, size_t rows, size_t nearest)
{
    struct weir_neighbours *m = make(shape, columns, rows, nearest, 3, false);
    struct weir_neighbour_index *n = &m->index;
    struct found *wanted = malloc(rows * sizeof *wanted);
    float *row = aligned_alloc(64, n->stride * sizeof *row);
    double d[NEAREST_MAX];
    uint32_t got[NEAREST_MAX];
    struct weir_neighbour_best best = {nearest, d, got};
    uint64_t seed = 31;
    assert_true(wanted && row);
    for (size_t q = 0; q < QUERIES; q++) {
        _Alignas(64) double shadow[WEIR_SHADOW];
        make_query(m, shape, q, &seed, row);
        n->shadow(n, row, shadow);
        n->search(n, row, shadow, &best);
        look_at_all(m, row, wanted);
        for (size_t k = 0; k < nearest; k++)
            if (got[k] != wanted[k].row || d[k] != wanted[k].d)
                fail_msg("shape %d, %zu columns, %zu rows, query %zu: place %zu is row %u (%.17g), not %u (%.17g)", (int)shape,
                         columns, rows, q, k, got[k], d[k], wanted[k].row, wanted[k].d);
    }
    free(wanted);
    free(row);
    struct weir_scorer *scorer = &m->scorer;
    weir_scorer_free(&scorer);
}

static void the_nearest_are_found(void **state)
{
    (void)state;
    static const char *const variants[] = {"scalar", "avx2", "avx512"};
    for (size_t v = 0; v < 3; v++) {
        setenv("WEIR_SIMD", variants[v], 1);
        for (enum shape shape = PLAIN; shape < SHAPES; shape++) {
            check_lists(shape, 1, 40, 1);
            check_lists(shape, 5, 7, 7);
            check_lists(shape, 21, 700, 5);
            check_lists(shape, 8, 1500, NEAREST_MAX);
        }
        check_lists(LOUD, 300, 400, 5);
    }
    unsetenv("WEIR_SIMD");
}

/* The shares of the votes, counted. */
static void check_votes(const struct weir_neighbours *m, const float *x, const float *margins)
{
    size_t groups = m->scorer.groups;
    struct found all[200];
    assert_true(m->index.rows <= 200);
    for (size_t r = 0; r < ROWS; r++) {
        float row[COLUMNS];
        double share[CLASSES] = {0}, sum = 0;
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = fabsf(x[r * COLUMNS + c]) <= FLT_MAX ? x[r * COLUMNS + c] : m->fill[c];
        look_at_all(m, row, all);
        for (size_t k = 0; k < m->neighbours; k++) {
            double weight = 1;
            if (m->by_distance)
                weight = all[0].d == 0 ? all[k].d == 0 : 1 / sqrt(all[k].d);
            share[m->label[all[k].row]] += weight;
            sum += weight;
        }
        for (size_t g = 0; g < groups; g++) {
            double wanted = share[groups == 1 ? 1 : g] / sum;
            if (!(fabs((double)margins[r * groups + g] - wanted) <= 1e-7))
                fail_msg("row %zu, group %zu: %g, wanted %g", r, g, (double)margins[r * groups + g], wanted);
        }
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
        for (int weighted = 0; weighted < 2; weighted++) {
            enum shape shape = classes == 2 ? GRID : PLAIN;
            struct weir_neighbours *m = make(shape, COLUMNS, 120, 6, classes, weighted);
            weir_model *model = finish(&m->scorer, classes);
            weir_model_margins(model, x, ROWS, COLUMNS, margins);
            check_votes(m, x, margins);
            check_ways(model, &facts, x, margins);
            for (size_t v = 0; v < 2; v++) {
                setenv("WEIR_SIMD", variants[v], 1);
                struct weir_neighbours *twin = make(shape, COLUMNS, 120, 6, classes, weighted);
                unsetenv("WEIR_SIMD");
                twin->scorer.kind->rows(&twin->scorer, x, ROWS, COLUMNS, other);
                assert_memory_equal(other, margins, ROWS * m->scorer.groups * sizeof *other);
                struct weir_scorer *scorer = &twin->scorer;
                weir_scorer_free(&scorer);
            }
            check_file(model, &facts, x, margins);
            weir_model_free(&model);
        }
}

static void sizes_out_of_bounds_are_refused(void **state)
{
    (void)state;
    struct weir_neighbours *m;
    assert_int_equal(weir_neighbours_create(0, 2, 9, 5, false, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_neighbours_create(5000, 2, 9, 5, false, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_neighbours_create(3, 1, 9, 5, false, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_neighbours_create(3, 2, 4, 5, false, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_neighbours_create(3, 2, 4, 0, false, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_neighbours_create(3, 2, 0, 0, false, &m, NULL), WEIR_ERR_LIMIT);
    assert_int_equal(weir_neighbours_create(3, 2, (size_t)1 << 31, 5, false, &m, NULL), WEIR_ERR_LIMIT);
    const volatile sig_atomic_t stop = 1;
    assert_int_equal(weir_neighbours_create(1, 2, 3, 1, false, &m, NULL), WEIR_OK);
    m->index.factor[0] = 1;
    assert_int_equal(weir_neighbours_finish(m, &stop, NULL), WEIR_ERR_CLOSED);
    struct weir_scorer *scorer = &m->scorer;
    weir_scorer_free(&scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_nearest_are_found), cmocka_unit_test(models),
                                       cmocka_unit_test(sizes_out_of_bounds_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
