/* Trees: every split is the best one there is, found again by trying every threshold of every column on the values themselves;
 * leaves hold what their rows say; depth, smallest leaf and weights are kept to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../model/random.h"
#include "train/grow.h"
#include "train/trainers.h"

enum { ROWS = 240, COLUMNS = 5, CLASSES_MAX = 4 };

struct rows {
    float x[COLUMNS][2 * ROWS];
    const float *column[COLUMNS];
    uint32_t row[ROWS], label[ROWS], weight[ROWS];
    struct weir_train_set set;
};

/* Few different values, so that bins are values; some missing; a constant column; every second row of a larger table. */
static void make(struct rows *r, size_t classes, uint64_t seed)
{
    for (size_t i = 0; i < ROWS; i++) {
        r->row[i] = (uint32_t)(2 * i + 1);
        r->label[i] = i < classes ? (uint32_t)i : random_below(&seed, (unsigned)classes);
        r->weight[i] = random_below(&seed, 4);
        for (size_t c = 0; c < COLUMNS; c++) {
            float v = (float)random_below(&seed, 30) - (float)((r->label[i] * (c + 1)) % 7);
            r->x[c][2 * i] = NAN;
            r->x[c][2 * i + 1] = c == 4 ? 3 : c < 2 && random_below(&seed, 6) == 0 ? NAN : v / 4;
        }
    }
    for (size_t c = 0; c < COLUMNS; c++)
        r->column[c] = r->x[c];
    r->set = (struct weir_train_set){r->column, COLUMNS, r->row, r->label, ROWS, classes};
}

static float value_of(const struct rows *r, size_t c, size_t i)
{
    return r->x[c][r->row[i]];
}

/* Sum over both sides of squared class weights over the weight; -1: a side is empty or too light. */
static double score_of(const struct rows *r, const bool *here, const bool *right, uint64_t least)
{
    double count[2][CLASSES_MAX] = {{0}}, all[2] = {0}, score = 0;
    for (size_t i = 0; i < ROWS; i++)
        if (here[i]) {
            count[right[i]][r->label[i]] += r->weight[i];
            all[right[i]] += r->weight[i];
        }
    for (int side = 0; side < 2; side++) {
        if (!(all[side] > 0) || all[side] < (double)least)
            return -1;
        for (size_t k = 0; k < r->set.classes; k++)
            score += count[side][k] * count[side][k] / all[side];
    }
    return score;
}

static void send(const struct rows *r, size_t c, float threshold, bool missing_left, bool *right)
{
    for (size_t i = 0; i < ROWS; i++) {
        float v = value_of(r, c, i);
        right[i] = v != v ? !missing_left : v >= threshold;
    }
}

static double best_score(const struct rows *r, const bool *here, uint64_t least)
{
    double best = -1;
    bool right[ROWS];
    for (size_t c = 0; c < COLUMNS; c++)
        for (size_t k = 0; k <= ROWS; k++)
            for (int missing_left = 0; missing_left < 2; missing_left++) {
                float threshold = k < ROWS ? value_of(r, c, k) : INFINITY;
                if (threshold != threshold || (k < ROWS && !here[k]))
                    continue;
                send(r, c, threshold, missing_left, right);
                best = fmax(best, score_of(r, here, right, least));
            }
    return best;
}

struct check {
    const struct rows *r;
    const struct weir_tree *tree;
    size_t depth;
    uint64_t least, split_least;
};

static void check_node(const struct check *k, int32_t node, const bool *here, size_t depth)
{
    const struct rows *r = k->r;
    double all = 0, count[CLASSES_MAX] = {0}, most = 0, best = best_score(r, here, k->least);
    for (size_t i = 0; i < ROWS; i++)
        if (here[i]) {
            all += r->weight[i];
            count[r->label[i]] += r->weight[i];
        }
    for (size_t c = 0; c < r->set.classes; c++)
        most = fmax(most, count[c]);
    assert_true(fabs((double)k->tree->cover[node] - all) < 1e-3);
    if (k->tree->left[node] < 0) {
        for (size_t c = 0; c < r->set.classes; c++) {
            if (r->set.classes == 2 && c == 0)
                continue;
            double share = r->set.classes == 2 ? k->tree->leaf[node] : k->tree->leaf[(size_t)node * r->set.classes + c];
            assert_true(fabs(share - count[c] / all) < 1e-12);
        }
        assert_true(most == all || depth == k->depth || best < 0 || all < (double)k->split_least);
        return;
    }
    bool right[ROWS], left_here[ROWS], right_here[ROWS];
    send(r, (size_t)k->tree->column[node], k->tree->value[node], k->tree->missing_left[node], right);
    double score = score_of(r, here, right, k->least);
    if (!(fabs(score - best) <= 1e-9 * best))
        fail_msg("node %d: a split of %.17g, there is one of %.17g", node, score, best);
    for (size_t i = 0; i < ROWS; i++) {
        left_here[i] = here[i] && !right[i];
        right_here[i] = here[i] && right[i];
    }
    check_node(k, k->tree->left[node], left_here, depth + 1);
    check_node(k, k->tree->right[node], right_here, depth + 1);
}

static void splits_are_the_best(void **state)
{
    (void)state;
    static struct rows r;
    static const struct {
        size_t depth;
        uint64_t split, leaf;
    } limits[] = {{0, 2, 1}, {3, 2, 1}, {0, 30, 7}};
    for (size_t classes = 2; classes <= CLASSES_MAX; classes++)
        for (size_t l = 0; l < 3; l++) {
            make(&r, classes, 100 + classes);
            struct weir_bins bins;
            struct weir_grower *grower;
            const struct weir_tree *tree;
            uint64_t random = 1;
            assert_int_equal(weir_bins_make(&r.set, &bins, NULL), WEIR_OK);
            const struct weir_grow_config config = {.bins = &bins,
                                                    .label = r.label,
                                                    .classes = classes,
                                                    .depth = limits[l].depth,
                                                    .split_least = limits[l].split,
                                                    .leaf_least = limits[l].leaf};
            assert_int_equal(weir_grower_create(&config, &grower, NULL), WEIR_OK);
            for (int again = 0; again < 2; again++) /* the room is used again */
                assert_int_equal(weir_grower_tree(grower, r.weight, &random, &tree, NULL), WEIR_OK);
            bool here[ROWS];
            for (size_t i = 0; i < ROWS; i++)
                here[i] = r.weight[i] > 0;
            const struct check check = {&r, tree, limits[l].depth ? limits[l].depth : WEIR_FOREST_DEPTH_MAX, limits[l].leaf,
                                        limits[l].split};
            check_node(&check, 0, here, 0);
            weir_grower_free(&grower);
            weir_bins_fini(&bins);
        }
}

/* Thousands of different values: bins in order, no value in two, each as full as the others. */
static void many_values_are_cut_evenly(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static float x[MANY];
    static uint32_t row[MANY], label[MANY];
    const float *column[] = {x};
    uint64_t seed = 4;
    for (uint32_t i = 0; i < MANY; i++) {
        x[i] = i % 3 ? random_float(&seed) * 1e6f : -0.0f; /* a third is one value */
        row[i] = i;
    }
    struct weir_train_set set = {column, 1, row, label, MANY, 2};
    struct weir_bins bins;
    assert_int_equal(weir_bins_make(&set, &bins, NULL), WEIR_OK);
    const struct weir_bin_range *range = &bins.range[0];
    assert_in_range(range->count, 250, 255);
    size_t fill[WEIR_BINS_MAX] = {0};
    for (size_t i = 0; i < MANY; i++) {
        assert_true(x[i] >= range->low[bins.bin[i]] && x[i] <= range->high[bins.bin[i]]);
        fill[bins.bin[i]]++;
    }
    for (unsigned b = 0; b < range->count; b++) {
        bool zero = range->low[b] <= 0 && range->high[b] >= 0;
        assert_in_range(fill[b], 1, zero ? MANY / 3 + 200 : 200);
        if (b) {
            assert_true(range->low[b] > range->high[b - 1]);
            float threshold = weir_bins_threshold(&bins, 0, b - 1, b);
            assert_true(threshold > range->high[b - 1] && threshold <= range->low[b]);
        }
    }
    weir_bins_fini(&bins);
}

struct grown {
    struct weir_bins bins;
    struct weir_grower *grower;
    const struct weir_tree *tree;
};

static void grow_on(const struct weir_train_set *set, const uint32_t *weight, struct grown *out)
{
    uint64_t random = 1;
    assert_int_equal(weir_bins_make(set, &out->bins, NULL), WEIR_OK);
    const struct weir_grow_config config = {
        .bins = &out->bins, .label = set->label, .classes = set->classes, .split_least = 2, .leaf_least = 1};
    assert_int_equal(weir_grower_create(&config, &out->grower, NULL), WEIR_OK);
    assert_int_equal(weir_grower_tree(out->grower, weight, &random, &out->tree, NULL), WEIR_OK);
}

static void grown_free(struct grown *grown)
{
    weir_grower_free(&grown->grower);
    weir_bins_fini(&grown->bins);
}

/* Columns that say nothing change no tree; with them there are so many bins that small nodes read them row by row. */
static void a_wide_table_gives_the_same_tree(void **state)
{
    (void)state;
    enum { MANY = 20000, SAY = 7, ALL = 230 };
    static float x[SAY + 1][MANY];
    static uint32_t row[MANY], label[MANY], weight[MANY];
    const float *column[ALL];
    for (size_t classes = 2; classes <= 3; classes++) {
        struct grown narrow, wide;
        uint64_t seed = classes;
        for (uint32_t i = 0; i < MANY; i++) {
            row[i] = i;
            label[i] = i < classes ? i : random_below(&seed, (unsigned)classes);
            weight[i] = random_below(&seed, 3);
            for (size_t c = 0; c < SAY; c++)
                x[c][i] = random_below(&seed, 9) ? random_float(&seed) + 0.2f * (float)(label[i] * (c % 3)) : NAN;
        }
        for (size_t c = 0; c < ALL; c++)
            column[c] = x[c < SAY ? c : SAY];
        const struct weir_train_set few = {column, SAY, row, label, MANY, classes},
                                    all = {column, ALL, row, label, MANY, classes};
        grow_on(&few, weight, &narrow);
        grow_on(&all, weight, &wide);
        const struct weir_tree *a = narrow.tree, *b = wide.tree;
        assert_in_range(a->count, 500, MANY);
        assert_int_equal(a->count, b->count);
        assert_memory_equal(a->left, b->left, a->count * sizeof *a->left);
        assert_memory_equal(a->column, b->column, a->count * sizeof *a->column);
        assert_memory_equal(a->missing_left, b->missing_left, a->count * sizeof *a->missing_left);
        assert_memory_equal(a->value, b->value, a->count * sizeof *a->value);
        assert_memory_equal(a->cover, b->cover, a->count * sizeof *a->cover);
        grown_free(&narrow);
        grown_free(&wide);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(splits_are_the_best), cmocka_unit_test(many_values_are_cut_evenly),
                                       cmocka_unit_test(a_wide_table_gives_the_same_tree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
