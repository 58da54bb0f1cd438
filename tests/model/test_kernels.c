/* Every kernel that this CPU has against the reference, which walks by the rules of forest.h: leaves and margins, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/forest_score.h"
#include "model/kernel.h"
#include "random.h"

enum { NODES = 65600, ROWS_MAX = 1100 };

/* Beside the forms, for kernels that walk by codes: do they, by words of two parts, to leaves whose words hold a value's number?
 */
enum { CODED = 1 << 8, WIDE = 1 << 9, NUMBERED = 1 << 10 };

enum shape { ANY, COMPLETE, OBLIVIOUS, CHAIN, LEAF, MIXED /* ANY, and lone leaves between */ };

struct setting {
    const char *name;
    unsigned columns, groups, width, trees, depth;
    enum shape shape;
    unsigned stop;       /* 1 in `stop` nodes is a leaf before its time; 0: none */
    unsigned thresholds; /* distinct ones a column; 0: each its own */
    bool wide, odd, infinite;
    unsigned forms;   /* at least these must be among the forms of the best kernels' plans */
    unsigned leaves;  /* different values of leaves; 0: each its own */
    unsigned shallow; /* every so-manieth tree has 1 to 6 levels; 0: none */
    bool whole;       /* no row lacks a value */
};

static const struct setting settings[] = {
    {"complete depth 6", 40, 1, 1, 30, 6, COMPLETE, 0, 200, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"one column", 1, 1, 1, 9, 4, ANY, 6, 3, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"depth 6 with early leaves", 17, 1, 1, 33, 6, ANY, 4, 0, false, false, true, WEIR_FORM_MASK, 0, 0, false},
    {"complete depth 6, float64", 40, 1, 1, 30, 6, COMPLETE, 0, 200, true, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"depth 6, float64", 16, 1, 1, 21, 6, ANY, 5, 50, true, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"three groups, depth 1 to 8", 23, 3, 1, 40, 8, ANY, 7, 127, false, false, false, WEIR_FORM_MASK | WEIR_FORM_REACH, 0, 0,
     false},
    {"two groups, float64, every split", 23, 2, 1, 40, 8, ANY, 7, 128, true, true, true, WEIR_FORM_MASK | WEIR_FORM_REACH, 0, 0,
     false},
    {"leaves of five values", 12, 5, 5, 20, 9, ANY, 4, 40, true, true, false, WEIR_FORM_MASK | WEIR_FORM_REACH, 0, 0, false},
    {"leaves of 90 values", 5, 90, 90, 4, 5, ANY, 4, 40, true, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"small leaf-wise trees", 40, 1, 1, 70, 9, ANY, 5, 100, false, false, false, WEIR_FORM_REACH, 0, 0, false},
    {"small leaf-wise trees of every split", 14, 2, 1, 140, 9, ANY, 5, 100, true, true, true, WEIR_FORM_REACH, 0, 0, false},
    {"small leaf-wise trees and lone leaves", 11, 1, 1, 70, 9, MIXED, 5, 100, false, false, false, WEIR_FORM_REACH, 0, 0, false},
    {"complete depth 8", 70, 1, 1, 70, 8, COMPLETE, 0, 250, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"more tests than a batch holds", 30, 1, 1, 220, 8, COMPLETE, 0, 1500, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"chains", 9, 1, 1, 12, 200, CHAIN, 0, 255, false, false, false, WEIR_FORM_REACH, 0, 0, false},
    {"chains of every split", 9, 1, 1, 12, 200, CHAIN, 0, 256, true, true, true, WEIR_FORM_REACH, 0, 0, false},
    {"oblivious", 30, 1, 1, 25, 6, OBLIVIOUS, 0, 254, false, false, false, WEIR_FORM_OBLIVIOUS, 0, 0, false},
    {"oblivious, depth 1 to 8, every split", 30, 1, 1, 32, 8, OBLIVIOUS, 0, 254, true, true, true, WEIR_FORM_OBLIVIOUS, 0, 0,
     false},
    {"oblivious, three values", 30, 3, 3, 16, 8, OBLIVIOUS, 0, 254, true, false, false, WEIR_FORM_OBLIVIOUS, 0, 0, false},
    {"deep", 20, 1, 1, 6, 16, ANY, 12, 0, false, false, true, WEIR_FORM_WALK | CODED, 0, 0, false},
    {"deep, float64, two groups", 20, 2, 1, 6, 16, ANY, 12, 0, true, false, false, WEIR_FORM_WALK | CODED, 0, 0, false},
    {"deep, every split", 20, 1, 1, 6, 14, ANY, 12, 0, true, true, false, WEIR_FORM_PLAIN, 0, 0, false},
    {"deep, many trees", 40, 1, 1, 21, 14, ANY, 12, 0, true, false, false, WEIR_FORM_WALK, 0, 0, false},
    {"deep, two values", 20, 2, 2, 6, 14, ANY, 12, 0, true, false, false, WEIR_FORM_WALK | CODED, 0, 0, false},
    {"deep, an odd number of columns", 1, 1, 1, 6, 14, ANY, 12, 300, false, false, false, WEIR_FORM_WALK | CODED, 0, 0, false},
    {"so large that a word does not hold a node", 10, 1, 1, 3, 15, COMPLETE, 0, 0, true, false, true, WEIR_FORM_WALK | WIDE, 0, 0,
     false},
    {"deep, an odd number of columns, no value missing", 21, 1, 1, 7, 15, ANY, 12, 0, true, false, true, WEIR_FORM_WALK | CODED,
     0, 3, true},
    {"deep, two different leaves", 20, 1, 1, 6, 16, ANY, 12, 0, true, false, false, WEIR_FORM_WALK | CODED | NUMBERED, 2, 3,
     true},
    {"deep, 16 different leaves, two groups", 18, 2, 1, 6, 16, ANY, 12, 0, true, false, true, WEIR_FORM_WALK | CODED | NUMBERED,
     16, 3, false},
    {"deep, three columns, two different leaves", 3, 1, 1, 6, 16, ANY, 12, 0, true, false, false,
     WEIR_FORM_WALK | CODED | NUMBERED, 2, 3, true},
    {"deep, eight columns, eight different leaves", 8, 1, 1, 6, 16, ANY, 12, 0, true, false, false,
     WEIR_FORM_WALK | CODED | NUMBERED, 8, 3, false},
    {"deep, 17 different leaves", 18, 1, 1, 6, 16, ANY, 12, 0, true, false, false, WEIR_FORM_WALK | CODED, 17, 0, true},
    {"deep, more different leaves than columns", 2, 1, 1, 6, 14, ANY, 12, 0, true, false, false, WEIR_FORM_WALK | CODED, 3, 0,
     false},
    {"long chains", 9, 1, 1, 12, 300, CHAIN, 0, 0, false, false, false, WEIR_FORM_WALK | CODED, 0, 4, true},
    {"long chains, two different leaves", 9, 1, 1, 12, 300, CHAIN, 0, 0, true, false, false, WEIR_FORM_WALK | CODED | NUMBERED, 2,
     4, false},
    {"a large tree, two different leaves", 10, 1, 1, 3, 15, COMPLETE, 0, 0, true, false, false, WEIR_FORM_WALK | WIDE | NUMBERED,
     2, 0, true},
    {"more columns than a plan has codes for", 600, 1, 1, 6, 14, ANY, 12, 0, true, false, false, WEIR_FORM_WALK, 0, 0, false},
    {"deep and shallow", 300, 1, 1, 24, 14, ANY, 9, 0, false, false, false, WEIR_FORM_MASK | WEIR_FORM_WALK, 0, 0, false},
    {"more thresholds than a plane holds", 2, 1, 1, 60, 8, COMPLETE, 0, 0, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"more planes than there may be", 600, 1, 1, 200, 8, COMPLETE, 0, 0, false, false, false, WEIR_FORM_WALK, 0, 0, false},
    {"so many columns that chunks are small", 400, 1, 1, 60, 6, COMPLETE, 0, 0, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"lone leaves", 3, 2, 1, 5, 0, LEAF, 0, 0, false, false, false, WEIR_FORM_MASK, 0, 0, false},
    {"no trees", 3, 2, 1, 0, 0, LEAF, 0, 0, true, false, false, 0, 0, 0, false},
};

struct tree {
    int32_t left[NODES], right[NODES], column[NODES], missing_left[NODES];
    float value[NODES];
    double leaf[NODES][8];
    uint8_t kind[NODES];
    uint32_t set[NODES];
    size_t count;
};

static struct tree tree;
static float x[ROWS_MAX * 601];

static float threshold(const struct setting *s, unsigned column, uint64_t *seed)
{
    if (s->infinite && !random_below(seed, 20))
        return random_below(seed, 2) ? INFINITY : -INFINITY;
    if (!s->thresholds)
        return random_float(seed) * 3;
    unsigned which = random_below(seed, s->thresholds);
    if (which < 3) /* zeros, and the smallest number there is */
        return which == 0 ? 0.0f : which == 1 ? -0.0f : 1e-45f;
    return ((float)which - (float)s->thresholds / 2) * 0.37f + (float)column;
}

static void split(const struct setting *s, int32_t at, uint64_t *seed)
{
    unsigned column = random_below(seed, s->columns);
    tree.column[at] = (int32_t)column;
    tree.missing_left[at] = (int32_t)random_below(seed, 2);
    tree.kind[at] = s->odd ? (uint8_t)random_below(seed, 3) : WEIR_SPLIT_NUMBER;
    tree.set[at] = random_below(seed, 3);
    tree.value[at] = threshold(s, column, seed);
    if (tree.kind[at] == WEIR_SPLIT_SET)
        tree.value[at] = random_below(seed, 2) ? 0 : nextafterf(-1, 0);
}

static int32_t grow(const struct setting *s, unsigned depth, unsigned level, const int32_t *row, uint64_t *seed)
{
    int32_t at = (int32_t)tree.count++;
    tree.left[at] = tree.right[at] = -1;
    tree.kind[at] = WEIR_SPLIT_NUMBER;
    tree.value[at] = random_float(seed);
    for (int i = 0; i < 8; i++)
        tree.leaf[at][i] = s->leaves ? (double)random_below(seed, s->leaves) / 7 : (double)random_float(seed) * 1.1;
    if (level == depth || tree.count + 2 * depth >= NODES || (level && s->stop && !random_below(seed, s->stop)))
        return at;
    if (s->shape == OBLIVIOUS && row[level] >= 0) {
        int32_t same = row[level];
        tree.column[at] = tree.column[same];
        tree.missing_left[at] = tree.missing_left[same];
        tree.kind[at] = tree.kind[same];
        tree.set[at] = tree.set[same];
        tree.value[at] = tree.value[same];
    } else {
        split(s, at, seed);
    }
    int32_t rows[32];
    if (s->shape == OBLIVIOUS) {
        memcpy(rows, row, sizeof rows);
        rows[level] = at;
    }
    if (s->shape == CHAIN) { /* one side ends at once */
        bool side = random_below(seed, 2);
        int32_t leaf = grow(s, level, level, row, seed), rest = grow(s, depth, level + 1, row, seed);
        tree.left[at] = side ? leaf : rest;
        tree.right[at] = side ? rest : leaf;
        return at;
    }
    tree.left[at] = grow(s, depth, level + 1, s->shape == OBLIVIOUS ? rows : row, seed);
    if (s->shape == OBLIVIOUS)
        for (int32_t i = tree.left[at], k = (int32_t)level + 1; i >= 0 && tree.left[i] >= 0; i = tree.left[i])
            rows[k++] = i;
    tree.right[at] = grow(s, depth, level + 1, s->shape == OBLIVIOUS ? rows : row, seed);
    return at;
}

static struct weir_forest *make(const struct setting *s, uint64_t seed)
{
    struct weir_forest *forest = NULL;
    int32_t none[32];
    uint32_t numbers[3];
    memset(none, 0xff, sizeof none);
    assert_int_equal(weir_forest_create(s->columns, s->groups, &forest, NULL), WEIR_OK);
    forest->sum = s->wide ? WEIR_SUM_FLOAT64 : WEIR_SUM_FLOAT32;
    forest->width = s->width;
    for (int i = 0; i < 3; i++) {
        uint32_t words[2] = {(uint32_t)weir_random_next(&seed), i ? (uint32_t)weir_random_next(&seed) : 0};
        assert_int_equal(weir_forest_add_set(forest, words, 2, &numbers[i], NULL), WEIR_OK);
    }
    for (unsigned t = 0; t < s->trees; t++) {
        unsigned depth = s->shape == COMPLETE || s->shape == CHAIN ? s->depth
                         : s->shape == MIXED                       ? t % 7 == 3 ? 0 : s->depth
                         : s->trees < s->depth                     ? s->depth - t % 4
                         : s->depth                                ? 1 + t % s->depth
                                                                   : 0;
        if (s->shallow && t % s->shallow == s->shallow - 1)
            depth = 1 + t % 6;
        tree.count = 0;
        grow(s, depth, 0, none, &seed);
        for (size_t i = 0; i < tree.count; i++)
            tree.set[i] = numbers[tree.set[i] % 3];
        double *leaves = calloc(tree.count * s->width, sizeof *leaves);
        for (size_t i = 0; i < tree.count; i++)
            for (unsigned g = 0; g < s->width; g++)
                leaves[i * s->width + g] = g < 8 ? tree.leaf[i][g] : (double)random_float(&seed);
        struct weir_tree source = {.count = tree.count,
                                   .left = tree.left,
                                   .right = tree.right,
                                   .column = tree.column,
                                   .missing_left = tree.missing_left,
                                   .value = tree.value,
                                   .leaf = leaves,
                                   .kind = tree.kind,
                                   .set = tree.set};
        struct weir_error error = {0};
        if (weir_forest_add(forest, &source, s->width > 1 ? 0 : random_below(&seed, s->groups), NULL, &error))
            fail_msg("%s: %s", s->name, error.text);
        free(leaves);
    }
    for (unsigned g = 0; g < s->groups; g++)
        forest->base[g] = (double)random_float(&seed);
    return forest;
}

/* Values at and beside the thresholds of the column, and what else finds mistakes. */
static void fill(const struct weir_forest *f, float *rows, size_t count, size_t stride, bool whole, uint64_t seed)
{
    const size_t missing = seed % 3 || whole ? SIZE_MAX : seed % f->columns; /* a column that nobody has */
    for (size_t r = 0; r < count; r++)
        for (size_t c = 0; c < f->columns; c++) {
            float edge = random_float(&seed) * 3;
            if (f->nodes) {
                size_t node = random_below(&seed, (unsigned)f->nodes);
                for (int k = 0; k < 20 && (f->split[node] == WEIR_SPLIT_LEAF || (f->split[node] & 0x7fff) != c); k++)
                    node = (node + 1) % f->nodes;
                edge = f->split[node] == WEIR_SPLIT_LEAF ? edge : f->value[node];
            }
            float value = random_value(&seed, edge);
            switch (random_below(&seed, 12)) {
            case 0:
                value = (float)(int64_t)weir_random_next(&seed); /* of a large int64 */
                break;
            case 1:
                value = (float)random_below(&seed, 70) + (random_below(&seed, 2) ? 0.5f : 0);
                break;
            case 2:
                value = (float)((int)random_below(&seed, 5) - 2) * 0.6e-35f;
                break;
            default:
                break;
            }
            rows[r * stride + c] = c == missing ? NAN : whole && isnan(value) ? edge : value;
        }
}

static unsigned forms_of(const struct weir_plan *plan)
{
    unsigned forms = 0;
    for (size_t i = 0; i < plan->runs; i++)
        forms |= plan->run[i].form;
    return forms | (plan->row_codes ? CODED : 0) | (plan->row_codes && plan->wide ? WIDE : 0) |
           (plan->row_codes && plan->leaves_few ? NUMBERED : 0);
}

static void compare(const struct setting *s, const struct weir_forest *f, const struct weir_kernel *kernel, uint64_t seed)
{
    struct weir_plan *plan = NULL, *oracle = NULL;
    struct weir_error error = {0};
    size_t stride = s->columns + seed % 2, groups = s->groups;
    float *ours = malloc(sizeof(float) * (ROWS_MAX * groups + 1)), *theirs = malloc(sizeof(float) * ROWS_MAX * groups);
    if (weir_plan_create(f, kernel, &plan, &error) || weir_plan_create(f, &weir_kernel_reference, &oracle, &error))
        fail_msg("%s", error.text);
    const unsigned forms = kernel->codes ? s->forms : s->forms & ~(unsigned)(CODED | WIDE | NUMBERED);
    if ((kernel->forms & WEIR_FORM_OBLIVIOUS) && (forms_of(plan) & forms) != forms)
        fail_msg("%s: %s: forms %x instead of %x", s->name, kernel->name, forms_of(plan), forms);
    fill(f, x, ROWS_MAX, stride, s->whole, seed);
    weir_plan_rows(oracle, x, ROWS_MAX, stride, theirs);
    for (size_t rows = 0; rows <= ROWS_MAX; rows += rows < 131 ? 1 : rows < 257 ? 63 : 211) {
        memset(ours, 0x55, sizeof(float) * (rows * groups + 1));
        weir_plan_rows(plan, x + (ROWS_MAX - rows) * stride, rows, stride, ours);
        if (memcmp(ours, theirs + (ROWS_MAX - rows) * groups, sizeof(float) * rows * groups))
            fail_msg("%s: %s, %zu rows", s->name, kernel->name, rows);
        uint32_t after;
        memcpy(&after, ours + rows * groups, sizeof after);
        assert_int_equal(after, 0x55555555); /* nothing is written behind the last row */
    }

    /* Feature-major, columns in another order with others between. */
    uint16_t *index = malloc(sizeof *index * s->columns);
    float *block = aligned_alloc(64, sizeof(float) * 64 * (2 * s->columns + 1));
    for (int gathered = 0; gathered < 2; gathered++) {
        for (size_t i = 0; i < 64 * (2 * (size_t)s->columns + 1); i++)
            block[i] = (float)i;
        for (size_t c = 0; c < s->columns; c++) {
            index[c] = (uint16_t)(gathered ? 2 * (s->columns - c) : c);
            for (size_t r = 0; r < 64; r++)
                block[index[c] * 64 + r] = x[r * stride + c];
        }
        for (size_t rows = 0; rows <= 64; rows++) {
            memset(ours, 0x55, sizeof(float) * (rows * groups + 1));
            weir_plan_block(plan, block, gathered ? index : NULL, rows, ours);
            if (memcmp(ours, theirs, sizeof(float) * rows * groups))
                fail_msg("%s: %s, block of %zu rows", s->name, kernel->name, rows);
        }
    }
    free(index);
    free(block);

    for (size_t r = 0; r < 40; r++)
        for (size_t t = 0; t < f->trees; t++)
            if (weir_plan_leaf(plan, t, x + r * stride) != weir_plan_leaf(oracle, t, x + r * stride))
                fail_msg("%s: %s, leaf of row %zu in tree %zu", s->name, kernel->name, r, t);
    free(ours);
    free(theirs);
    weir_plan_free(&plan);
    weir_plan_free(&oracle);
}

static void kernels_equal_the_reference(void **state)
{
    (void)state;
    const struct weir_kernel *kernels[8];
    size_t count = weir_kernel_list(kernels);
    assert_true(count >= 2);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct weir_forest *forest = make(&settings[i], 100 + i);
        for (size_t k = 0; k < count; k++)
            if (kernels[k] != &weir_kernel_reference)
                compare(&settings[i], forest, kernels[k], 7 * i + k);
        weir_forest_free(&forest);
    }
}

/* Rows end where memory ends: nothing behind the last value is read. */
static void nothing_is_read_behind_the_rows(void **state)
{
    (void)state;
    const struct weir_kernel *kernels[8];
    size_t count = weir_kernel_list(kernels);
    struct weir_forest *forest = make(&settings[2], 5);
    for (size_t k = 0; k < count; k++) {
        struct weir_plan *plan = NULL;
        float margins[70];
        assert_int_equal(weir_plan_create(forest, kernels[k], &plan, NULL), WEIR_OK);
        for (size_t rows = 1; rows <= 70; rows++) {
            float *exact = malloc(rows * settings[2].columns * sizeof *exact); /* the address sanitizer watches its end */
            fill(forest, exact, rows, settings[2].columns, false, rows);
            weir_plan_rows(plan, exact, rows, settings[2].columns, margins);
            free(exact);
        }
        weir_plan_free(&plan);
    }
    weir_forest_free(&forest);
}

static void the_kernel_is_chosen_by_name(void **state)
{
    (void)state;
    const struct weir_kernel *kernel = NULL, *best = NULL;
    struct weir_error error = {0};
    unsetenv("WEIR_SIMD");
    assert_int_equal(weir_kernel_choose(&best, &error), WEIR_OK);
    setenv("WEIR_SIMD", "reference", 1);
    assert_int_equal(weir_kernel_choose(&kernel, &error), WEIR_OK);
    assert_ptr_equal(kernel, &weir_kernel_reference);
    setenv("WEIR_SIMD", "scalar", 1);
    assert_int_equal(weir_kernel_choose(&kernel, &error), WEIR_OK);
    assert_ptr_equal(kernel, &weir_kernel_scalar);
    setenv("WEIR_SIMD", best->name, 1);
    assert_int_equal(weir_kernel_choose(&kernel, &error), WEIR_OK);
    assert_ptr_equal(kernel, best);
    setenv("WEIR_SIMD", "sse9", 1);
    assert_int_equal(weir_kernel_choose(&kernel, &error), WEIR_ERR_ARGUMENT);
    assert_non_null(strstr(error.text, "sse9"));
    struct weir_forest *forest = make(&settings[0], 1);
    struct weir_plan *plan = NULL;
    assert_int_equal(weir_plan_create(forest, NULL, &plan, &error), WEIR_ERR_ARGUMENT);
    assert_null(plan);
    weir_forest_free(&forest);
    unsetenv("WEIR_SIMD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_equal_the_reference),
        cmocka_unit_test(nothing_is_read_behind_the_rows),
        cmocka_unit_test(the_kernel_is_chosen_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
