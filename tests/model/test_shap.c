/* Exact contributions against their definition: a sum over all sets of columns, and over all orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "model/forest_explain.h"
#include "model/shap.h"
#include "random_forest.h"

enum { TREES = 24, COLUMNS = 9, GROUPS = 3, ROWS = 20 };

static struct random_tree trees[TREES];

static void fill_row(float *x, size_t columns, size_t count, uint64_t *state)
{
    for (size_t c = 0; c < columns; c++) {
        const struct random_tree *tree = &trees[random_below(state, (unsigned)count)];
        x[c] = random_value(state, tree->value[random_below(state, (unsigned)tree->count)]);
    }
}

/* What the tree gives when only the columns of `known` (bits) are known: others go both ways, by cover. */
static double game(const struct random_tree *tree, int32_t at, const float *row, unsigned known)
{
    int32_t left = tree->left[at], right = tree->right[at], column = tree->column[at];
    if (left < 0)
        return (double)tree->value[at];
    if (known >> column & 1) {
        float x = row[column];
        return game(tree, (isnan(x) ? tree->missing_left[at] != 0 : x < tree->value[at]) ? left : right, row, known);
    }
    double a = (double)tree->cover[left], b = (double)tree->cover[right], share = a + b > 0 ? a / (a + b) : 0.5;
    return share * game(tree, left, row, known) + (1 - share) * game(tree, right, row, known);
}

/* Shapley's formula itself. */
static void shapley(size_t count, unsigned columns, const struct weir_forest *forest, const float *row, unsigned group,
                    double *contributions, double *base)
{
    static double value[1 << COLUMNS];
    double factorial[COLUMNS + 1] = {1};
    for (unsigned k = 1; k <= columns; k++)
        factorial[k] = factorial[k - 1] * k;
    for (unsigned set = 0; set < 1u << columns; set++) {
        value[set] = forest->base[group];
        for (size_t t = 0; t < count; t++)
            if (trees[t].group == group)
                value[set] += game(&trees[t], 0, row, set);
    }
    *base = value[0];
    for (unsigned c = 0; c < columns; c++) {
        contributions[c] = 0;
        for (unsigned set = 0; set < 1u << columns; set++)
            if (!(set >> c & 1)) {
                unsigned size = (unsigned)__builtin_popcount(set);
                contributions[c] +=
                    factorial[size] * factorial[columns - size - 1] / factorial[columns] * (value[set | 1u << c] - value[set]);
            }
    }
}

static void *room_of(const struct weir_shap *shap)
{
    size_t size = (weir_shap_room(shap) + 63) & ~(size_t)63;
    void *room = aligned_alloc(64, size);
    memset(room, 0xff, size); /* what is read before it is written shows as NaN */
    return room;
}

/* Random trees of all depths to 7, with columns that come again on a path, in three groups; covers of 0 among them. */
static void contributions_are_shapleys(void **state)
{
    (void)state;
    for (unsigned columns = 1; columns <= COLUMNS; columns += 2) {
        struct weir_forest *forest = random_forest(trees, TREES, columns, GROUPS, columns);
        uint64_t seed = columns;
        if (columns == 5) /* some nodes that no training row reached, siblings of such ones too */
            for (size_t t = 0; t < TREES; t++)
                for (size_t i = 0; i < trees[t].count; i++)
                    trees[t].cover[i] = random_below(&seed, 3) ? trees[t].cover[i] : 0;
        weir_forest_free(&forest);
        assert_int_equal(weir_forest_create(columns, GROUPS, &forest, NULL), WEIR_OK);
        for (size_t t = 0; t < TREES; t++) {
            struct weir_tree source = random_source(&trees[t]);
            assert_int_equal(weir_forest_add(forest, &source, trees[t].group, NULL, NULL), WEIR_OK);
        }
        for (unsigned g = 0; g < GROUPS; g++)
            forest->base[g] = (double)random_float(&seed);
        struct weir_shap *shap = NULL;
        assert_int_equal(weir_shap_create(forest, &shap, NULL), WEIR_OK);
        void *room = room_of(shap);
        for (size_t r = 0; r < ROWS; r++) {
            float row[COLUMNS];
            fill_row(row, columns, TREES, &seed);
            for (unsigned g = 0; g < GROUPS; g++) {
                double ours[COLUMNS], theirs[COLUMNS], our_base, their_base;
                weir_shap_row(shap, row, g, room, ours, &our_base);
                shapley(TREES, columns, forest, row, g, theirs, &their_base);
                assert_true(fabs(our_base - their_base) <= 1e-13);
                for (unsigned c = 0; c < columns; c++)
                    if (!(fabs(ours[c] - theirs[c]) <= 1e-13))
                        fail_msg("%u columns, row %zu, group %u, column %u: %.17g, by definition %.17g", columns, r, g, c,
                                 ours[c], theirs[c]);
            }
        }
        free(room);
        weir_shap_free(&shap);
        weir_forest_free(&forest);
    }
}

/* The same game by the forest's own rules (test_forest.c checks those), for splits and leaves of every kind. */
static double forest_game(const struct weir_forest *f, size_t tree, size_t at, const float *row, unsigned group, unsigned known)
{
    size_t node = f->first[tree] + at, child = 1;
    if (f->split[node] == WEIR_SPLIT_LEAF)
        return weir_forest_leaf(f, tree, node, group);
    for (size_t i = 0; i < at; i++)
        child += f->split[f->first[tree] + i] == WEIR_SPLIT_LEAF ? 0 : 2;
    unsigned column = f->split[node] & 0x7fff;
    if (known >> column & 1)
        return forest_game(f, tree, child + weir_forest_right(f, node, row[column]), row, group, known);
    double a = (double)f->cover[f->first[tree] + child], b = (double)f->cover[f->first[tree] + child + 1];
    return (a * forest_game(f, tree, child, row, group, known) + b * forest_game(f, tree, child + 1, row, group, known)) /
           (a + b);
}

static void splits_and_leaves_of_every_kind(void **state)
{
    (void)state;
    enum { WIDE = 4, SOME = 9 };
    static uint8_t kind[RANDOM_TREE_NODES];
    static uint32_t set[RANDOM_TREE_NODES];
    static double leaf[RANDOM_TREE_NODES * GROUPS], value[1 << WIDE];
    for (size_t width = 1; width <= GROUPS; width += GROUPS - 1) {
        uint64_t seed = width;
        const uint32_t words[] = {0x5a5a5a5a};
        struct weir_forest *forest = NULL;
        struct weir_shap *shap = NULL;
        uint32_t number;
        assert_int_equal(weir_forest_create(WIDE, GROUPS, &forest, NULL), WEIR_OK);
        forest->sum = WEIR_SUM_FLOAT64;
        forest->width = width;
        assert_int_equal(weir_forest_add_set(forest, words, 1, &number, NULL), WEIR_OK);
        for (size_t t = 0; t < SOME; t++) {
            trees[t].count = 0;
            trees[t].group = width > 1 ? 0 : (unsigned)t % GROUPS;
            random_grow(&trees[t], WIDE, (unsigned)t % 6, &seed);
            for (size_t i = 0; i < trees[t].count; i++) {
                kind[i] = trees[t].left[i] < 0 ? 0 : (uint8_t)random_below(&seed, 3);
                set[i] = number;
                if (kind[i] == WEIR_SPLIT_SET)
                    trees[t].value[i] = 0;
                for (size_t g = 0; g < width; g++)
                    leaf[i * width + g] = (double)random_float(&seed) * 1.1;
            }
            struct weir_tree source = random_source(&trees[t]);
            source.kind = kind;
            source.set = set;
            source.leaf = leaf;
            assert_int_equal(weir_forest_add(forest, &source, trees[t].group, NULL, NULL), WEIR_OK);
        }
        assert_int_equal(weir_shap_create(forest, &shap, NULL), WEIR_OK);
        void *room = room_of(shap);
        for (size_t r = 0; r < ROWS; r++) {
            float row[WIDE];
            fill_row(row, WIDE, SOME, &seed);
            row[r % WIDE] = (float)random_below(&seed, 40); /* a category, often */
            for (unsigned g = 0; g < GROUPS; g++) {
                double ours[WIDE], base;
                for (unsigned known = 0; known < 1 << WIDE; known++) {
                    value[known] = 0;
                    for (size_t t = 0; t < SOME; t++)
                        value[known] += forest_game(forest, t, 0, row, g, known);
                }
                weir_shap_row(shap, row, g, room, ours, &base);
                assert_true(fabs(base - value[0]) <= 1e-13);
                for (unsigned c = 0; c < WIDE; c++) {
                    double theirs = 0;
                    static const double weight[WIDE] = {1 / 4., 1 / 12., 1 / 12., 1 / 4.}; /* |S|! (3 - |S|)! / 4! */
                    for (unsigned known = 0; known < 1 << WIDE; known++)
                        if (!(known >> c & 1))
                            theirs += weight[__builtin_popcount(known)] * (value[known | 1u << c] - value[known]);
                    assert_true(fabs(ours[c] - theirs) <= 1e-13);
                }
            }
        }
        free(room);
        weir_shap_free(&shap);
        weir_forest_free(&forest);
    }
}

/* A chain as deep as a tree may be, a column a level: the rule with the most points. By hand: below `LEVELS` splits that each
 * send half of the rows on, one leaf of value 2^LEVELS is reached by all columns together; each has the same share of what that
 * adds. */
static void many_columns_on_a_path(void **state)
{
    (void)state;
    enum { LEVELS = WEIR_FOREST_DEPTH_MAX, NODES = 2 * LEVELS + 1 };
    static int32_t left[NODES], right[NODES], column[NODES], missing_left[NODES];
    static float threshold[NODES], row[LEVELS];
    static double contributions[LEVELS];
    for (int levels = 1; levels <= LEVELS; levels = levels * 3 < LEVELS || levels == LEVELS ? levels * 3 : LEVELS) {
        for (int i = 0; i < levels; i++) {
            left[2 * i] = 2 * i + 1;
            right[2 * i] = 2 * i + 2;
            column[2 * i] = i;
            left[2 * i + 1] = -1;
            row[i] = 1; /* goes right */
        }
        left[2 * levels] = -1;
        threshold[2 * levels] = levels <= 90 ? ldexpf(1, levels) : 1;
        double all = (double)threshold[2 * levels], none = ldexp(all, -levels);
        struct weir_tree tree = {.count = (size_t)(2 * levels + 1),
                                 .left = left,
                                 .right = right,
                                 .column = column,
                                 .missing_left = missing_left,
                                 .value = threshold};
        struct weir_forest *forest = NULL;
        struct weir_shap *shap = NULL;
        double base;
        assert_int_equal(weir_forest_create((size_t)levels, 1, &forest, NULL), WEIR_OK);
        assert_int_equal(weir_forest_add(forest, &tree, 0, NULL, NULL), WEIR_OK);
        assert_int_equal(weir_shap_create(forest, &shap, NULL), WEIR_OK);
        void *room = room_of(shap);
        weir_shap_row(shap, row, 0, room, contributions, &base);
        assert_true(fabs(base - none) <= 1e-12 * all);
        for (int i = 0; i < levels; i++)
            if (!(fabs(contributions[i] - (all - none) / levels) <= 1e-11 * all / levels))
                fail_msg("%d levels, column %d: %.17g, by hand %.17g", levels, i, contributions[i], (all - none) / levels);
        threshold[2 * levels] = 0;
        free(room);
        weir_shap_free(&shap);
        weir_forest_free(&forest);
    }
}

/* What makes Shapley's values the fair ones: they add up; a column that no split asks for has none; two columns that do the same
 * have the same; the path form has not. */
static void contributions_are_fair(void **state)
{
    (void)state;
    /* a and b must both be large; c is asked for on one side; d never. a is asked first. */
    static const int32_t left[] = {1, -1, 3, -1, -1}, right[] = {2, -1, 4, -1, -1}, column[] = {0, 0, 1, 0, 0},
                         missing_left[] = {1, 0, 1, 0, 0};
    static const float value[] = {0, 0, 0, 0, 8}, cover[] = {4, 2, 2, 1, 1};
    struct weir_tree tree = {
        .count = 5, .left = left, .right = right, .column = column, .missing_left = missing_left, .value = value, .cover = cover};
    struct weir_forest *forest = NULL;
    struct weir_shap *shap = NULL;
    struct weir_explainer *path = NULL;
    double contributions[3], base;
    assert_int_equal(weir_forest_create(3, 1, &forest, NULL), WEIR_OK);
    assert_int_equal(weir_forest_add(forest, &tree, 0, NULL, NULL), WEIR_OK);
    assert_int_equal(weir_shap_create(forest, &shap, NULL), WEIR_OK);
    assert_int_equal(weir_explainer_create(forest, &path, NULL), WEIR_OK);
    void *room = room_of(shap);
    weir_shap_row(shap, (float[]){1, 1, 5}, 0, room, contributions, &base);
    assert_true(base == 2 && contributions[2] == 0);
    assert_true(fabs(contributions[0] - 3) < 1e-15 && fabs(contributions[1] - 3) < 1e-15);
    weir_explainer_row(path, (float[]){1, 1, 5}, 0, contributions, &base);
    assert_true(base == 2 && contributions[0] == 2 && contributions[1] == 4 && contributions[2] == 0);
    free(room);
    weir_explainer_free(&path);
    weir_shap_free(&shap);
    weir_forest_free(&forest);
}

/* A chain of splits on one column: all the change is its own, whatever the number of splits. */
static void one_column_has_it_all(void **state)
{
    (void)state;
    struct weir_forest *forest = random_forest(trees, TREES, 1, 1, 99);
    struct weir_shap *shap = NULL;
    uint64_t seed = 4;
    assert_int_equal(weir_shap_create(forest, &shap, NULL), WEIR_OK);
    void *room = room_of(shap);
    for (size_t r = 0; r < ROWS; r++) {
        float row;
        double contribution, base, margin = forest->base[0];
        fill_row(&row, 1, TREES, &seed);
        for (size_t t = 0; t < TREES; t++)
            margin += (double)random_walk(&trees[t], &row);
        weir_shap_row(shap, &row, 0, room, &contribution, &base);
        assert_true(fabs(base + contribution - margin) < 1e-13);
    }
    free(room);
    weir_shap_free(&shap);
    weir_forest_free(&forest);
}

static void every_cpu_gives_the_same_bits(void **state)
{
    (void)state;
    struct weir_forest *forest = random_forest(trees, TREES, COLUMNS, GROUPS, 3);
    struct weir_shap *any = NULL, *best = NULL;
    uint64_t seed = 12;
    setenv("WEIR_SIMD", "scalar", 1);
    assert_int_equal(weir_shap_create(forest, &any, NULL), WEIR_OK);
    unsetenv("WEIR_SIMD");
    assert_int_equal(weir_shap_create(forest, &best, NULL), WEIR_OK);
    void *room = room_of(any);
    for (size_t r = 0; r < 10 * ROWS; r++) {
        float row[COLUMNS];
        double a[COLUMNS], b[COLUMNS], base;
        fill_row(row, COLUMNS, TREES, &seed);
        for (unsigned g = 0; g < GROUPS; g++) {
            weir_shap_row(any, row, g, room, a, &base);
            weir_shap_row(best, row, g, room, b, &base);
            assert_memory_equal(a, b, sizeof a);
        }
    }
    free(room);
    weir_shap_free(&any);
    weir_shap_free(&best);
    weir_forest_free(&forest);
}

static void lone_leaves_and_no_trees(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 1; count++) {
        struct weir_forest *forest = random_forest(trees, count, 2, 2, 5); /* the first tree has depth 0 */
        struct weir_shap *shap = NULL;
        assert_int_equal(weir_shap_create(forest, &shap, NULL), WEIR_OK);
        void *room = room_of(shap);
        for (unsigned g = 0; g < 2; g++) {
            double contributions[2], base;
            weir_shap_row(shap, (float[]){NAN, 1}, g, room, contributions, &base);
            double leaf = count && trees[0].group == g ? (double)trees[0].value[0] : 0;
            assert_true(contributions[0] == 0 && contributions[1] == 0 && base == forest->base[g] + leaf);
        }
        free(room);
        weir_shap_free(&shap);
        weir_forest_free(&forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_are_shapleys), cmocka_unit_test(splits_and_leaves_of_every_kind),
        cmocka_unit_test(many_columns_on_a_path),     cmocka_unit_test(contributions_are_fair),
        cmocka_unit_test(one_column_has_it_all),      cmocka_unit_test(every_cpu_gives_the_same_bits),
        cmocka_unit_test(lone_leaves_and_no_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
