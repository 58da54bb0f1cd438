/* Random forests for tests, and the naive walk that our scorers are compared with. */
#ifndef WEIR_TESTS_MODEL_RANDOM_FOREST_H
#define WEIR_TESTS_MODEL_RANDOM_FOREST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "model/forest.h"
#include "random.h"

enum { RANDOM_TREE_NODES = 255 };

/* A tree as its arrays, children by index, in an order of its own (depth first, right side first). */
struct random_tree {
    int32_t left[RANDOM_TREE_NODES], right[RANDOM_TREE_NODES], column[RANDOM_TREE_NODES], missing_left[RANDOM_TREE_NODES];
    float value[RANDOM_TREE_NODES], cover[RANDOM_TREE_NODES];
    unsigned group;
    size_t count;
};

static inline int32_t random_grow(struct random_tree *tree, unsigned columns, unsigned depth, uint64_t *state)
{
    int32_t at = (int32_t)tree->count++;
    bool leaf = !depth || !random_below(state, 5);
    tree->value[at] = random_float(state);
    tree->cover[at] = (float)(1 + random_below(state, 50));
    tree->column[at] = (int32_t)random_below(state, columns);
    tree->missing_left[at] = (int32_t)random_below(state, 2);
    tree->left[at] = tree->right[at] = -1;
    if (!leaf) {
        tree->right[at] = random_grow(tree, columns, depth - 1, state);
        tree->left[at] = random_grow(tree, columns, depth - 1, state);
    }
    return at;
}

static inline struct weir_tree random_source(const struct random_tree *tree)
{
    return (struct weir_tree){.count = tree->count,
                              .left = tree->left,
                              .right = tree->right,
                              .column = tree->column,
                              .missing_left = tree->missing_left,
                              .value = tree->value,
                              .cover = tree->cover};
}

/* Trees of depth 0 to 7. The caller frees the forest. */
static inline struct weir_forest *random_forest(struct random_tree *trees, size_t count, unsigned columns, unsigned groups,
                                                uint64_t seed)
{
    struct weir_forest *forest = NULL;
    weir_err err = weir_forest_create(columns, groups, &forest, NULL);
    for (size_t t = 0; t < count && !err; t++) {
        trees[t].count = 0;
        trees[t].group = random_below(&seed, groups);
        random_grow(&trees[t], columns, (unsigned)t % 8, &seed);
        struct weir_tree source = random_source(&trees[t]);
        err = weir_forest_add(forest, &source, trees[t].group, NULL, NULL);
    }
    for (unsigned g = 0; g < groups && !err; g++)
        forest->base[g] = (double)random_float(&seed);
    assert(!err);
    return forest;
}

static inline float random_walk(const struct random_tree *tree, const float *row)
{
    int32_t at = 0;
    while (tree->left[at] >= 0) {
        float x = row[tree->column[at]];
        if (isnan(x))
            at = tree->missing_left[at] ? tree->left[at] : tree->right[at];
        else if (x < tree->value[at])
            at = tree->left[at];
        else
            at = tree->right[at];
    }
    return tree->value[at];
}

#endif
