#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/container.h"
#include "model/forest.h"
#include "model/forest_explain.h"
#include "model/forest_score.h"
#include "random_forest.h"

enum { TREES = 40, COLUMNS = 9, GROUPS = 3, ROWS = 65 };

static struct random_tree trees[TREES];

/* The naive margins of a row: the source's trees, one by one, in order. */
static void naive(const struct weir_forest *forest, const float *row, float *margins)
{
    for (size_t g = 0; g < forest->groups; g++)
        margins[g] = (float)forest->base[g];
    for (size_t t = 0; t < forest->trees; t++)
        margins[trees[t].group] += random_walk(&trees[t], row);
}

static void fill_rows(float *x, size_t rows, uint64_t seed)
{
    for (size_t i = 0; i < rows * COLUMNS; i++) {
        const struct random_tree *tree = &trees[random_below(&seed, TREES)];
        x[i] = random_value(&seed, tree->value[random_below(&seed, (unsigned)tree->count)]);
    }
}

static void scores_are_those_of_a_naive_walk(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7, 8, 9, 63, 64, 65};
    static float x[ROWS * (COLUMNS + 3)];
    for (unsigned groups = 1; groups <= GROUPS; groups += 2) {
        struct weir_forest *forest = random_forest(trees, TREES, COLUMNS, groups, groups);
        struct weir_plan *plan = NULL;
        assert_int_equal(weir_plan_create(forest, NULL, &plan, NULL), WEIR_OK);
        float packed[ROWS * COLUMNS];
        fill_rows(packed, ROWS, 11);
        for (size_t r = 0; r < ROWS; r++)
            memcpy(x + r * (COLUMNS + 3), packed + r * COLUMNS, COLUMNS * sizeof *x);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            float ours[(ROWS + 1) * GROUPS], expected[GROUPS];
            memset(ours, 0x55, sizeof ours);
            weir_plan_rows(plan, x, sizes[k], COLUMNS + 3, ours);
            for (size_t r = 0; r < sizes[k]; r++) {
                naive(forest, packed + r * COLUMNS, expected);
                assert_memory_equal(ours + r * groups, expected, groups * sizeof *ours);
            }
            uint32_t after;
            memcpy(&after, ours + sizes[k] * groups, sizeof after);
            assert_int_equal(after, 0x55555555); /* nothing is written behind the last row */
        }
        weir_plan_free(&plan);
        weir_forest_free(&forest);
    }
}

/* A sensor's columns in another order, with others between: gathered by index. */
static void blocks_are_gathered_by_index(void **state)
{
    (void)state;
    enum { WIDE = 20 };
    static const uint16_t index[COLUMNS] = {19, 0, 7, 8, 3, 12, 11, 1, 15};
    static float block[WIDE * 64], rows[64 * COLUMNS];
    struct weir_forest *forest = random_forest(trees, TREES, COLUMNS, GROUPS, 5);
    struct weir_plan *plan = NULL;
    assert_int_equal(weir_plan_create(forest, NULL, &plan, NULL), WEIR_OK);
    fill_rows(rows, 64, 3);
    for (size_t i = 0; i < WIDE * 64; i++)
        block[i] = 777;
    for (size_t r = 0; r < 64; r++)
        for (size_t c = 0; c < COLUMNS; c++)
            block[index[c] * 64 + r] = rows[r * COLUMNS + c];
    for (size_t n = 0; n <= 64; n++) {
        float a[65 * GROUPS] = {0}, b[65 * GROUPS] = {0};
        weir_plan_rows(plan, rows, n, COLUMNS, a);
        weir_plan_block(plan, block, index, n, b);
        assert_memory_equal(a, b, sizeof a);
    }
    weir_plan_free(&plan);
    weir_forest_free(&forest);
}

static void leaves_are_those_of_the_walk(void **state)
{
    (void)state;
    struct weir_forest *forest = random_forest(trees, TREES, COLUMNS, 1, 8);
    struct weir_plan *plan = NULL;
    assert_int_equal(weir_plan_create(forest, NULL, &plan, NULL), WEIR_OK);
    float x[ROWS * COLUMNS];
    fill_rows(x, ROWS, 4);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t t = 0; t < TREES; t++) {
            uint32_t leaf = weir_plan_leaf(plan, t, x + r * COLUMNS);
            assert_int_equal(forest->split[leaf], WEIR_SPLIT_LEAF);
            assert_true(forest->value[leaf] == random_walk(&trees[t], x + r * COLUMNS));
        }
    weir_plan_free(&plan);
    weir_forest_free(&forest);
}

static void contributions_add_up_to_the_margin(void **state)
{
    (void)state;
    struct weir_forest *forest = random_forest(trees, TREES, COLUMNS, GROUPS, 21);
    struct weir_explainer *explainer = NULL;
    assert_int_equal(weir_explainer_create(forest, &explainer, NULL), WEIR_OK);
    float x[ROWS * COLUMNS], margins[GROUPS];
    fill_rows(x, ROWS, 6);
    for (size_t r = 0; r < ROWS; r++) {
        naive(forest, x + r * COLUMNS, margins);
        for (size_t g = 0; g < GROUPS; g++) {
            double contributions[COLUMNS], sum;
            weir_explainer_row(explainer, x + r * COLUMNS, g, contributions, &sum);
            for (size_t c = 0; c < COLUMNS; c++)
                sum += contributions[c];
            assert_true(fabs(sum - (double)margins[g]) < 1e-5);
        }
    }
    weir_explainer_free(&explainer);
    weir_forest_free(&forest);
}

/* By hand: one split on column 1 at 2, left leaf 10 with cover 3, right leaf -2 with cover 1, so the root expects 7. */
static void a_stump_is_explained_by_hand(void **state)
{
    (void)state;
    static const int32_t left[] = {1, -1, -1}, right[] = {2, -1, -1}, column[] = {1, 0, 0}, missing_left[] = {0, 0, 0};
    static const float value[] = {2, 10, -2}, cover[] = {4, 3, 1}, none[] = {0, 0, 0};
    struct weir_tree tree = {
        .count = 3, .left = left, .right = right, .column = column, .missing_left = missing_left, .value = value, .cover = cover};
    static const struct {
        float x, contribution;
    } cases[] = {{1.9f, 3}, {2, -9}, {NAN, -9}};
    struct weir_forest *forest = NULL;
    assert_int_equal(weir_forest_create(2, 1, &forest, NULL), WEIR_OK);
    assert_int_equal(weir_forest_add(forest, &tree, 0, NULL, NULL), WEIR_OK);
    forest->base[0] = 0.5f;
    struct weir_explainer *explainer = NULL;
    assert_int_equal(weir_explainer_create(forest, &explainer, NULL), WEIR_OK);
    double contributions[2], base;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float row[2] = {99, cases[i].x};
        weir_explainer_row(explainer, row, 0, contributions, &base);
        assert_true(base == 7.5 && contributions[0] == 0 && contributions[1] == (double)cases[i].contribution);
    }
    weir_explainer_free(&explainer);
    memcpy(forest->cover, none, sizeof none); /* no cover known: both sides weigh the same, the root expects 4 */
    assert_int_equal(weir_explainer_create(forest, &explainer, NULL), WEIR_OK);
    weir_explainer_row(explainer, (float[]){0, 0}, 0, contributions, &base);
    assert_true(base == 4.5 && contributions[1] == 6);
    weir_explainer_free(&explainer);
    weir_forest_free(&forest);
}

static void trees_that_are_none_are_refused(void **state)
{
    (void)state;
    enum { N = 5 };
    static const struct {
        const char *message;
        int32_t left[N], right[N], column[N];
        float value[N], cover[N];
    } cases[] = {
        {NULL, {1, -1, 3, -1, -1}, {2, -1, 4, -1, -1}, {0}, {0}, {0}},
        {NULL, {1, -1, -1, 3, 2}, {2, -1, -1, 4, 1}, {0, 9, 9, 9}, {0}, {0}}, /* out of reach: left out */
        {"node 0: child 0 has another parent", {0, -1, -1, -1, -1}, {1, -1, -1, -1, -1}, {0}, {0}, {0}},
        {"node 0: child 1 has another parent", {1, -1, -1, -1, -1}, {1, -1, -1, -1, -1}, {0}, {0}, {0}},
        {"node 2: child 1 has another parent", {1, -1, 1, -1, -1}, {2, -1, 3, -1, -1}, {0}, {0}, {0}},
        {"node 2: child 0 has another parent", {1, -1, 0, -1, -1}, {2, -1, 3, -1, -1}, {0}, {0}, {0}},
        {"node 0: child 5 of 5 nodes", {1, -1, -1, -1, -1}, {5, -1, -1, -1, -1}, {0}, {0}, {0}},
        {"node 0: child -1 of 5 nodes", {1, -1, -1, -1, -1}, {-1, -1, -1, -1, -1}, {0}, {0}, {0}},
        {"node 0: splits on column 2 of 2", {1, -1, -1, -1, -1}, {2, -1, -1, -1, -1}, {2}, {0}, {0}},
        {"node 0: splits on column -1 of 2", {1, -1, -1, -1, -1}, {2, -1, -1, -1, -1}, {-1}, {0}, {0}},
        {"node 0: the threshold is not a number", {1, -1, -1, -1, -1}, {2, -1, -1, -1, -1}, {0}, {NAN}, {0}},
        {"node 1: a leaf value of nan", {1, -1, -1, -1, -1}, {2, -1, -1, -1, -1}, {0}, {0, NAN}, {0}},
        {"node 1: a leaf value of inf", {1, -1, -1, -1, -1}, {2, -1, -1, -1, -1}, {0}, {0, INFINITY}, {0}},
        {"node 2: a cover of -1", {1, -1, -1, -1, -1}, {2, -1, -1, -1, -1}, {0}, {0}, {0, 0, -1}},
    };
    static const int32_t missing_left[N];
    struct weir_forest *forest = NULL;
    assert_int_equal(weir_forest_create(2, 1, &forest, NULL), WEIR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir_tree tree = {.count = N,
                                 .left = cases[i].left,
                                 .right = cases[i].right,
                                 .column = cases[i].column,
                                 .missing_left = missing_left,
                                 .value = cases[i].value,
                                 .cover = cases[i].cover};
        struct weir_error error = {0};
        size_t before = forest->trees;
        assert_int_equal(weir_forest_add(forest, &tree, 0, NULL, &error), cases[i].message ? WEIR_ERR_FORMAT : WEIR_OK);
        assert_string_equal(error.text, cases[i].message ? cases[i].message : "");
        assert_int_equal(forest->trees, before + !cases[i].message);
    }
    assert_int_equal(forest->count[0], 5);
    assert_int_equal(forest->count[1], 3);
    struct weir_tree empty = {0};
    assert_int_equal(weir_forest_add(forest, &empty, 0, NULL, NULL), WEIR_ERR_LIMIT);
    weir_forest_free(&forest);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    enum { LEVELS = WEIR_FOREST_DEPTH_MAX + 1, N = 2 * LEVELS + 1 };
    static int32_t left[N], right[N], column[N], missing_left[N];
    static float value[N];
    for (int levels = LEVELS - 1; levels <= LEVELS; levels++) {
        for (int i = 0; i < levels; i++) { /* a chain: node 2i has the leaf 2i+1 and the next split 2i+2 */
            left[2 * i] = 2 * i + 1;
            right[2 * i] = 2 * i + 2;
            left[2 * i + 1] = -1;
        }
        left[2 * levels] = -1;
        struct weir_tree tree = {.count = (size_t)(2 * levels + 1),
                                 .left = left,
                                 .right = right,
                                 .column = column,
                                 .missing_left = missing_left,
                                 .value = value};
        struct weir_forest *forest = NULL;
        assert_int_equal(weir_forest_create(1, 1, &forest, NULL), WEIR_OK);
        assert_int_equal(weir_forest_add(forest, &tree, 0, NULL, NULL), levels == LEVELS ? WEIR_ERR_LIMIT : WEIR_OK);
        if (levels < LEVELS)
            assert_int_equal(weir_forest_depth(forest, 0), levels);
        weir_forest_free(&forest);
    }
}

static void bytes_come_back(void **state)
{
    (void)state;
    for (size_t count = 0; count <= TREES; count += TREES / 2) {
        struct weir_forest *forest = random_forest(trees, count, COLUMNS, GROUPS, 77), *again = NULL;
        size_t size = weir_forest_bytes(forest), position;
        uint8_t *bytes = malloc(size), *twice = malloc(size);
        weir_forest_encode(forest, bytes);
        assert_int_equal(weir_forest_decode(WEIR_PAYLOAD_TREES, bytes, size, &again, &position, NULL), WEIR_OK);
        assert_int_equal(weir_forest_bytes(again), size);
        weir_forest_encode(again, twice);
        assert_memory_equal(bytes, twice, size);
        free(bytes);
        free(twice);
        weir_forest_free(&forest);
        weir_forest_free(&again);
    }
}

static void negated_margins_are_the_opposite(void **state)
{
    (void)state;
    struct weir_forest *forest = random_forest(trees, TREES, COLUMNS, 1, 2);
    struct weir_plan *plan = NULL;
    float x[ROWS * COLUMNS], before[ROWS], after[ROWS];
    fill_rows(x, ROWS, 8);
    assert_int_equal(weir_plan_create(forest, NULL, &plan, NULL), WEIR_OK);
    weir_plan_rows(plan, x, ROWS, COLUMNS, before);
    weir_plan_free(&plan);
    weir_forest_negate(forest);
    assert_int_equal(weir_plan_create(forest, NULL, &plan, NULL), WEIR_OK);
    weir_plan_rows(plan, x, ROWS, COLUMNS, after);
    for (size_t r = 0; r < ROWS; r++)
        assert_true(before[r] == -after[r]);
    weir_plan_free(&plan);
    weir_forest_free(&forest);
}

/* -- splits and sums of every kind -- */

enum { SETS = 5, SET_WORDS = 3 };

static uint32_t set_words[SETS][SET_WORDS];

/* The sides as the header words them, from the source's arrays alone. */
static bool goes_right(const struct random_tree *tree, const uint8_t *kind, const uint32_t *set, int32_t at, float x)
{
    bool missing = isnan(x) || (kind[at] == WEIR_SPLIT_ZERO && fabsf(x) <= 1e-35f);
    if (missing)
        return !tree->missing_left[at];
    if (kind[at] != WEIR_SPLIT_SET)
        return x >= tree->value[at];
    if (x < tree->value[at] || !(truncf(x) < 32 * SET_WORDS))
        return false;
    int category = (int)truncf(x);
    return set_words[set[at]][category / 32] >> category % 32 & 1;
}

static float odd_value(uint64_t *seed, float edge)
{
    switch (random_below(seed, 8)) {
    case 0:
        return (float)random_below(seed, 32 * SET_WORDS + 3);
    case 1:
        return (float)random_below(seed, 32 * SET_WORDS) + 0.75f;
    case 2:
        return random_float(seed);
    case 3:
        return (float)((int)random_below(seed, 5) - 2) * 1e-35f;
    case 4:
        return ldexpf(random_float(seed), (int)random_below(seed, 120));
    default:
        return random_value(seed, edge);
    }
}

static void every_kind_is_scored_as_written(void **state)
{
    (void)state;
    static uint8_t kind[TREES][RANDOM_TREE_NODES];
    static uint32_t set[TREES][RANDOM_TREE_NODES];
    static double leaf[TREES][RANDOM_TREE_NODES * GROUPS];
    for (int mode = 0; mode < 5; mode++) { /* float32; float64 of one value a leaf, of one for each group; one group; no sets */
        uint64_t seed = 400 + (uint64_t)mode;
        size_t groups = mode == 3 ? 1 : GROUPS;
        struct weir_forest *forest = NULL, *again = NULL;
        uint32_t numbers[SETS];
        assert_int_equal(weir_forest_create(COLUMNS, groups, &forest, NULL), WEIR_OK);
        forest->sum = mode ? WEIR_SUM_FLOAT64 : WEIR_SUM_FLOAT32;
        forest->width = mode == 2 ? GROUPS : 1;
        forest->link = mode == 2 ? WEIR_LINK_PROBABILITY : WEIR_LINK_LOGISTIC;
        for (size_t s = 0; s < SETS && mode != 4; s++) {
            for (size_t w = 0; w < SET_WORDS; w++)
                set_words[s][w] = s ? (uint32_t)weir_random_next(&seed) >> (w == s % SET_WORDS ? 9 : 0) : 0;
            assert_int_equal(weir_forest_add_set(forest, set_words[s], SET_WORDS, &numbers[s], NULL), WEIR_OK);
            uint32_t same;
            assert_int_equal(weir_forest_add_set(forest, set_words[s], SET_WORDS, &same, NULL), WEIR_OK);
            assert_int_equal(same, numbers[s]);
        }
        for (size_t t = 0; t < TREES; t++) {
            trees[t].count = 0;
            trees[t].group = mode == 2 ? 0 : random_below(&seed, (unsigned)groups);
            random_grow(&trees[t], COLUMNS, (unsigned)t % 8, &seed);
            uint32_t number[RANDOM_TREE_NODES];
            for (size_t i = 0; i < trees[t].count; i++) {
                kind[t][i] = (uint8_t)random_below(&seed, mode == 4 ? 1 : 3);
                if (trees[t].left[i] < 0)
                    kind[t][i] = 0;
                set[t][i] = random_below(&seed, SETS);
                number[i] = numbers[set[t][i]];
                if (kind[t][i] == WEIR_SPLIT_SET)
                    trees[t].value[i] = random_below(&seed, 2) ? 0 : nextafterf(-1, 0);
                for (size_t g = 0; g < forest->width; g++)
                    leaf[t][i * forest->width + g] = (double)random_float(&seed) * 1.1;
            }
            struct weir_tree source = random_source(&trees[t]);
            source.kind = kind[t];
            source.set = number;
            source.leaf = leaf[t];
            assert_int_equal(weir_forest_add(forest, &source, trees[t].group, NULL, NULL), WEIR_OK);
        }
        for (size_t g = 0; g < groups; g++)
            forest->base[g] = (double)random_float(&seed);

        /* Through the file's bytes: what was read back is scored. */
        size_t size = weir_forest_bytes(forest), position;
        uint8_t *bytes = malloc(size), *twice = malloc(size);
        struct weir_error error = {0};
        weir_forest_encode(forest, bytes);
        assert_int_equal(weir_forest_payload(forest), WEIR_PAYLOAD_FOREST);
        if (weir_forest_decode(WEIR_PAYLOAD_FOREST, bytes, size, &again, &position, &error))
            fail_msg("%s", error.text);
        assert_int_equal(weir_forest_bytes(again), size);
        weir_forest_encode(again, twice);
        assert_memory_equal(bytes, twice, size);
        for (size_t n = 0; n < size; n += 1 + size / 300) {
            struct weir_forest *part = NULL;
            assert_int_equal(weir_forest_decode(WEIR_PAYLOAD_FOREST, bytes, n, &part, &position, NULL), WEIR_ERR_FORMAT);
        }
        free(bytes);
        free(twice);

        struct weir_plan *plan = NULL;
        struct weir_explainer *explainer = NULL;
        assert_int_equal(weir_plan_create(again, NULL, &plan, NULL), WEIR_OK);
        assert_int_equal(weir_explainer_create(again, &explainer, NULL), WEIR_OK);
        static float x[ROWS * COLUMNS], ours[ROWS * GROUPS], blocks[64 * GROUPS], block[COLUMNS * 64];
        for (size_t i = 0; i < ROWS * COLUMNS; i++) {
            const struct random_tree *tree = &trees[random_below(&seed, TREES)];
            x[i] = odd_value(&seed, tree->value[random_below(&seed, (unsigned)tree->count)]);
        }
        weir_plan_rows(plan, x, ROWS, COLUMNS, ours);
        for (size_t r = 0; r < 64; r++)
            for (size_t c = 0; c < COLUMNS; c++)
                block[c * 64 + r] = x[r * COLUMNS + c];
        weir_plan_block(plan, block, NULL, 64, blocks);
        assert_memory_equal(ours, blocks, 64 * groups * sizeof *ours);
        for (size_t r = 0; r < ROWS; r++) {
            const float *row = x + r * COLUMNS;
            double exact[GROUPS];
            float single[GROUPS];
            for (size_t g = 0; g < groups; g++)
                single[g] = (float)(exact[g] = forest->base[g]);
            for (size_t t = 0; t < TREES; t++) {
                const struct random_tree *tree = &trees[t];
                int32_t at = 0;
                while (tree->left[at] >= 0)
                    at = goes_right(tree, kind[t], set[t], at, row[tree->column[at]]) ? tree->right[at] : tree->left[at];
                single[tree->group] += tree->value[at];
                for (size_t g = 0; g < forest->width; g++)
                    exact[tree->group + g] += leaf[t][(size_t)at * forest->width + g];
                uint32_t place = weir_plan_leaf(plan, t, row);
                assert_true(mode ? again->leaf[again->place[place] * again->width] == leaf[t][(size_t)at * forest->width]
                                 : again->value[place] == tree->value[at]);
            }
            for (size_t g = 0; g < groups; g++) {
                double contributions[COLUMNS], sum;
                assert_true(ours[r * groups + g] == (mode ? (float)exact[g] : single[g]));
                weir_explainer_row(explainer, row, g, contributions, &sum);
                for (size_t c = 0; c < COLUMNS; c++)
                    sum += contributions[c];
                assert_true(fabs(sum - (double)ours[r * groups + g]) < 1e-5);
            }
        }
        weir_plan_free(&plan);
        weir_explainer_free(&explainer);
        weir_forest_free(&forest);
        weir_forest_free(&again);
    }
}

/* Each byte of the head and the sides, one changed bit at a time: refused, or still a forest that holds every rule. */
static void changed_bytes_break_no_rule(void **state)
{
    (void)state;
    static const int32_t left[] = {1, -1, -1}, right[] = {2, -1, -1}, column[] = {1, 0, 0}, missing_left[] = {0, 0, 0};
    static const float value[] = {0, 0, 0};
    static const double leaf[] = {0, 0, 1, 2, 3, 4};
    static const uint8_t kind[] = {WEIR_SPLIT_SET, 0, 0};
    static const uint32_t words[] = {0x80000001, 5};
    uint32_t set[3] = {0};
    struct weir_forest *forest = NULL;
    assert_int_equal(weir_forest_create(2, 2, &forest, NULL), WEIR_OK);
    forest->sum = WEIR_SUM_FLOAT64;
    forest->width = 2;
    assert_int_equal(weir_forest_add_set(forest, words, 2, set, NULL), WEIR_OK);
    assert_int_equal(forest->set_size[0], 35);
    struct weir_tree tree = {.count = 3,
                             .left = left,
                             .right = right,
                             .column = column,
                             .missing_left = missing_left,
                             .value = value,
                             .leaf = leaf,
                             .kind = kind,
                             .set = set};
    assert_int_equal(weir_forest_add(forest, &tree, 0, NULL, NULL), WEIR_OK);
    size_t size = weir_forest_bytes(forest), refused = 0;
    uint8_t *bytes = malloc(size);
    weir_forest_encode(forest, bytes);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct weir_forest *again = NULL;
        size_t position, t, n;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (weir_forest_decode(WEIR_PAYLOAD_FOREST, bytes, size, &again, &position, NULL))
            refused++;
        else
            assert_int_equal(weir_forest_validate(again, &t, &n, NULL), WEIR_OK);
        assert_true(position <= size);
        weir_forest_free(&again);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(refused > 8 * 48 / 2); /* the head's bits alone */
    free(bytes);
    weir_forest_free(&forest);
}

static void sets_are_bounded(void **state)
{
    (void)state;
    static uint32_t words[WEIR_FOREST_SET_MAX / 32 + 1];
    struct weir_forest *forest = NULL;
    struct weir_error error;
    uint32_t set;
    assert_int_equal(weir_forest_create(1, 1, &forest, NULL), WEIR_OK);
    words[WEIR_FOREST_SET_MAX / 32 - 1] = 0x80000000;
    assert_int_equal(weir_forest_add_set(forest, words, WEIR_FOREST_SET_MAX / 32 + 1, &set, NULL), WEIR_OK);
    assert_int_equal(forest->set_size[set], WEIR_FOREST_SET_MAX);
    words[WEIR_FOREST_SET_MAX / 32] = 1;
    assert_int_equal(weir_forest_add_set(forest, words, WEIR_FOREST_SET_MAX / 32 + 1, &set, &error), WEIR_ERR_LIMIT);
    assert_string_equal(error.text, "category 65536, weir takes 0 to 65535");
    weir_forest_free(&forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_a_naive_walk),
        cmocka_unit_test(blocks_are_gathered_by_index),
        cmocka_unit_test(leaves_are_those_of_the_walk),
        cmocka_unit_test(contributions_add_up_to_the_margin),
        cmocka_unit_test(a_stump_is_explained_by_hand),
        cmocka_unit_test(trees_that_are_none_are_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(negated_margins_are_the_opposite),
        cmocka_unit_test(every_kind_is_scored_as_written),
        cmocka_unit_test(changed_bytes_break_no_rule),
        cmocka_unit_test(sets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
