#include "model/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

weir_err weir_forest_create(size_t columns, size_t groups, struct weir_forest **out, struct weir_error *error)
{
    *out = NULL;
    if (columns < 1 || columns > WEIR_FOREST_COLUMNS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%zu columns, a forest has 1 to %d", columns, WEIR_FOREST_COLUMNS_MAX);
    if (groups < 1 || groups > WEIR_FOREST_GROUPS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%zu margins a row, a forest has 1 to %d", groups, WEIR_FOREST_GROUPS_MAX);
    struct weir_forest *forest = calloc(1, sizeof *forest);
    double *base = calloc(groups, sizeof *base);
    if (!forest || !base) {
        free(forest);
        free(base);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    *forest = (struct weir_forest){.columns = columns, .groups = groups, .width = 1, .base = base};
    *out = forest;
    return WEIR_OK;
}

weir_err weir_forest_regroup(struct weir_forest *f, size_t groups, struct weir_error *error)
{
    if (groups < 1 || groups > WEIR_FOREST_GROUPS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%zu margins a row, a forest has 1 to %d", groups, WEIR_FOREST_GROUPS_MAX);
    double *base = calloc(groups, sizeof *base);
    if (!base)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    free(f->base);
    f->base = base;
    f->groups = groups;
    return WEIR_OK;
}

void weir_forest_free(struct weir_forest **forest)
{
    if (!forest || !*forest)
        return;
    struct weir_forest *f = *forest;
    free(f->base);
    free(f->first);
    free(f->count);
    free(f->group);
    free(f->split);
    free(f->value);
    free(f->cover);
    free(f->kind);
    free(f->place);
    free(f->leaf);
    free(f->set_first);
    free(f->set_size);
    free(f->word);
    free(f);
    *forest = NULL;
}

weir_err weir_forest_reserve(struct weir_forest *f, size_t trees, size_t nodes, struct weir_error *error)
{
    if (trees > WEIR_FOREST_TREES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d trees", WEIR_FOREST_TREES_MAX);
    if (nodes > WEIR_FOREST_NODES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %u nodes", WEIR_FOREST_NODES_MAX);
    if (trees > f->tree_room) {
        if (!weir_array_resize(&f->first, trees, sizeof *f->first) || !weir_array_resize(&f->count, trees, sizeof *f->count) ||
            !weir_array_resize(&f->group, trees, sizeof *f->group))
            return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        f->tree_room = trees;
    }
    if (nodes > f->node_room) {
        if (!weir_array_resize(&f->split, nodes, sizeof *f->split) || !weir_array_resize(&f->value, nodes, sizeof *f->value) ||
            !weir_array_resize(&f->cover, nodes, sizeof *f->cover) || !weir_array_resize(&f->kind, nodes, sizeof *f->kind) ||
            !weir_array_resize(&f->place, nodes, sizeof *f->place))
            return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        f->node_room = nodes;
    }
    return WEIR_OK;
}

/* Room for this many entries in all, `limit` at most; doubling. */
static weir_err grow(void *array, size_t *room, size_t wanted, size_t width, size_t limit, const char *what,
                     struct weir_error *error)
{
    if (wanted > limit)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %zu %s", limit, what);
    if (wanted <= *room)
        return WEIR_OK;
    size_t larger = wanted * 2 + 16 < limit ? wanted * 2 + 16 : limit;
    if (!weir_array_resize(array, larger, width))
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    *room = larger;
    return WEIR_OK;
}

weir_err weir_forest_add_set(struct weir_forest *f, const uint32_t *words, size_t count, uint32_t *set, struct weir_error *error)
{
    while (count && !words[count - 1])
        count--;
    size_t size = count ? 32 * count - (size_t)__builtin_clz(words[count - 1]) : 0;
    if (size > WEIR_FOREST_SET_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "category %zu, weir takes 0 to %d", size - 1, WEIR_FOREST_SET_MAX - 1);
    if (f->sets && f->set_size[f->sets - 1] == size &&
        (!count || !memcmp(f->word + f->set_first[f->sets - 1], words, count * sizeof *words))) {
        *set = (uint32_t)(f->sets - 1);
        return WEIR_OK;
    }
    size_t room = f->set_room;
    weir_err err = grow(&f->set_first, &room, f->sets + 1, sizeof *f->set_first, WEIR_FOREST_SETS_MAX, "sets", error);
    if (!err)
        err = grow(&f->set_size, &f->set_room, f->sets + 1, sizeof *f->set_size, WEIR_FOREST_SETS_MAX, "sets", error);
    if (!err)
        err = grow(&f->word, &f->word_room, f->words + count, sizeof *f->word, WEIR_FOREST_WORDS_MAX, "words of sets", error);
    if (err)
        return err;
    f->set_first[f->sets] = (uint32_t)f->words;
    f->set_size[f->sets] = (uint32_t)size;
    if (count)
        memcpy(f->word + f->words, words, count * sizeof *words);
    f->words += count;
    *set = (uint32_t)f->sets++;
    return WEIR_OK;
}

/* What must hold for a node by itself; `node` is its number in messages, `at` its place in the forest. */
static weir_err check_node(const struct weir_forest *f, size_t node, size_t at, struct weir_error *error)
{
    float value = f->value[at], cover = f->cover[at];
    unsigned split = f->split[at], column = split & (WEIR_SPLIT_MISSING_RIGHT - 1u), kind = f->kind[at];
    if (!(cover >= 0 && cover <= 3e38f))
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: a cover of %g", node, (double)cover);
    if (split == WEIR_SPLIT_LEAF) {
        if (!(fabsf(value) <= WEIR_FOREST_VALUE_MAX))
            return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: a leaf value of %g", node, (double)value);
        if (kind)
            return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: a leaf of kind %u", node, kind);
        if (f->sum == WEIR_SUM_FLOAT64 && f->place[at] >= f->leaves)
            return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: leaf %u of %zu", node, f->place[at], f->leaves);
        for (size_t g = 0; f->sum == WEIR_SUM_FLOAT64 && g < f->width; g++) {
            double part = f->leaf[f->place[at] * f->width + g];
            if (!(fabs(part) <= (double)WEIR_FOREST_VALUE_MAX))
                return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: a leaf value of %g", node, part);
        }
        return WEIR_OK;
    }
    if (column >= f->columns)
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: splits on column %u of %zu", node, column, f->columns);
    if (isnan(value))
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: the threshold is not a number", node);
    if (kind > WEIR_SPLIT_SET)
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: a split of kind %u", node, kind);
    if (kind == WEIR_SPLIT_SET && f->place[at] >= f->sets)
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: set %u of %zu", node, f->place[at], f->sets);
    if (kind == WEIR_SPLIT_SET && !(value > -1 && value <= 0))
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: its set begins at %g", node, (double)value);
    return WEIR_OK;
}

/* The places of a tree's nodes in level order; checks that it is one tree. */
static weir_err level_order(const struct weir_tree *tree, int32_t *order, uint8_t *seen, size_t *nodes, struct weir_error *error)
{
    size_t depth = 0, level_end = 1, tail = 1;
    order[0] = 0;
    seen[0] = 1;
    for (size_t head = 0; head < tail; head++) {
        size_t i = (size_t)order[head];
        if (head == level_end) {
            level_end = tail;
            if (++depth > WEIR_FOREST_DEPTH_MAX)
                return weir_fail(error, WEIR_ERR_LIMIT, "node %zu: more than %d levels deep", i, WEIR_FOREST_DEPTH_MAX);
        }
        if (tree->left[i] < 0)
            continue;
        for (int side = 0; side < 2; side++) {
            int32_t child = side ? tree->right[i] : tree->left[i];
            if (child < 0 || (size_t)child >= tree->count)
                return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: child %d of %zu nodes", i, child, tree->count);
            if (seen[child])
                return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: child %d has another parent", i, child);
            seen[child] = 1;
            order[tail++] = child;
        }
    }
    *nodes = tail;
    return WEIR_OK;
}

/* Puts node i of the tree at `at`, behind the forest's nodes. */
static weir_err put_node(struct weir_forest *f, const struct weir_tree *tree, size_t i, size_t at,
                         struct weir_importance *importance, struct weir_error *error)
{
    f->value[at] = tree->value[i];
    f->cover[at] = tree->cover ? tree->cover[i] : 0;
    f->kind[at] = 0;
    f->place[at] = 0;
    if (tree->left[i] < 0) {
        f->split[at] = WEIR_SPLIT_LEAF;
        if (f->sum == WEIR_SUM_FLOAT64) {
            memcpy(f->leaf + f->leaves * f->width, tree->leaf + i * f->width, f->width * sizeof *f->leaf);
            f->value[at] = f->width == 1 ? (float)tree->leaf[i] : 0;
            f->place[at] = (uint32_t)f->leaves++;
        }
        return check_node(f, i, at, error);
    }
    if (tree->column[i] < 0 || (size_t)tree->column[i] >= f->columns)
        return weir_fail(error, WEIR_ERR_FORMAT, "node %zu: splits on column %d of %zu", i, tree->column[i], f->columns);
    f->split[at] = (uint16_t)((unsigned)tree->column[i] | (tree->missing_left[i] ? 0 : WEIR_SPLIT_MISSING_RIGHT));
    f->kind[at] = tree->kind ? tree->kind[i] : WEIR_SPLIT_NUMBER;
    f->place[at] = f->kind[at] == WEIR_SPLIT_SET ? tree->set[i] : 0;
    f->odd += f->kind[at] != WEIR_SPLIT_NUMBER;
    if (importance) {
        struct weir_importance *column = &importance[tree->column[i]];
        column->weight += 1;
        column->gain += tree->gain && isfinite(tree->gain[i]) ? (double)tree->gain[i] : 0;
        column->cover += tree->cover ? (double)tree->cover[i] : 0;
    }
    return check_node(f, i, at, error);
}

weir_err weir_forest_add(struct weir_forest *f, const struct weir_tree *tree, unsigned group, struct weir_importance *importance,
                         struct weir_error *error)
{
    if (group >= f->groups)
        return weir_fail(error, WEIR_ERR_FORMAT, "group %u of %zu", group, f->groups);
    if (tree->count < 1 || tree->count > WEIR_FOREST_NODES_MAX - f->nodes)
        return weir_fail(error, WEIR_ERR_LIMIT, "%zu nodes in a tree, %zu before it", tree->count, f->nodes);

    size_t nodes = 0, leaves = f->leaves, odd = f->odd;
    weir_err err = WEIR_OK;
    int32_t *order = calloc(tree->count, sizeof *order);
    uint8_t *seen = calloc(tree->count, 1);
    if (!order || !seen) {
        err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        goto out;
    }
    err = level_order(tree, order, seen, &nodes, error);
    if (err)
        goto out;
    size_t tree_room = f->trees < f->tree_room ? f->tree_room : f->trees * 2 + 16;
    size_t node_room = f->nodes + nodes <= f->node_room ? f->node_room : (f->nodes + nodes) * 2;
    err = weir_forest_reserve(f, tree_room < WEIR_FOREST_TREES_MAX ? tree_room : f->trees + 1,
                              node_room < WEIR_FOREST_NODES_MAX ? node_room : f->nodes + nodes, error);
    if (!err && f->sum == WEIR_SUM_FLOAT64) {
        size_t values = f->leaf_room * f->width; /* every other node is a leaf */
        err = grow(&f->leaf, &values, (f->leaves + nodes / 2 + 1) * f->width, sizeof *f->leaf, WEIR_FOREST_LEAVES_MAX,
                   "leaf values", error);
        f->leaf_room = values / f->width;
    }
    if (err)
        goto out;

    for (size_t k = 0; k < nodes && !err; k++)
        err = put_node(f, tree, (size_t)order[k], f->nodes + k, importance, error);
    if (err) {
        f->leaves = leaves;
        f->odd = odd;
        goto out;
    }
    f->first[f->trees] = (uint32_t)f->nodes;
    f->count[f->trees] = (uint32_t)nodes;
    f->group[f->trees] = (uint16_t)group;
    f->nodes += nodes;
    f->trees++;
out:
    free(order);
    free(seen);
    return err;
}

void weir_forest_negate(struct weir_forest *f)
{
    for (size_t g = 0; g < f->groups; g++)
        f->base[g] = f->link == WEIR_LINK_PROBABILITY ? 1 - f->base[g] : -f->base[g];
    for (size_t i = 0; i < f->nodes; i++)
        if (f->split[i] == WEIR_SPLIT_LEAF)
            f->value[i] = -f->value[i];
    for (size_t i = 0; i < f->leaves * f->width; i++)
        f->leaf[i] = -f->leaf[i];
}

void weir_forest_scale(struct weir_forest *f, double factor)
{
    for (size_t i = 0; i < f->leaves * f->width; i++)
        f->leaf[i] *= factor;
    for (size_t i = 0; i < f->nodes && f->width == 1; i++)
        if (f->split[i] == WEIR_SPLIT_LEAF)
            f->value[i] = (float)f->leaf[f->place[i]];
}

size_t weir_forest_depth(const struct weir_forest *f, size_t tree)
{
    size_t depth = 0, level_end = 1, open = 1;
    for (size_t i = 0; i < f->count[tree]; i++) {
        if (i == level_end) {
            level_end = open;
            depth++;
        }
        if (f->split[f->first[tree] + i] != WEIR_SPLIT_LEAF)
            open += 2;
    }
    return depth;
}

/* What must hold beside the trees. */
static weir_err check_whole(const struct weir_forest *f, struct weir_error *error)
{
    bool regression = weir_link_regression(f->link);
    for (size_t g = 0; g < f->groups; g++)
        if (!(fabs(f->base[g]) <= (double)WEIR_FOREST_VALUE_MAX))
            return weir_fail(error, WEIR_ERR_FORMAT, "a base margin of %g", f->base[g]);
    if (f->sum > WEIR_SUM_FLOAT64 || f->link >= WEIR_LINK_COUNT)
        return weir_fail(error, WEIR_ERR_FORMAT, "sum %d and link %d", f->sum, f->link);
    if (f->width != 1 && (f->width != f->groups || f->sum != WEIR_SUM_FLOAT64))
        return weir_fail(error, WEIR_ERR_FORMAT, "leaves of %zu values for %zu margins", f->width, f->groups);
    if (f->link == WEIR_LINK_SIGMOIDS
            ? f->groups == 1
            : (regression || f->link == WEIR_LINK_STEP || f->link == WEIR_LINK_ISOLATION) && f->groups > 1)
        return weir_fail(error, WEIR_ERR_FORMAT, "link %d with %zu margins", f->link, f->groups);
    for (size_t s = 0; s < f->sets; s++)
        if (f->set_size[s] > WEIR_FOREST_SET_MAX || f->set_first[s] > f->words ||
            (f->set_size[s] + 31) / 32 > f->words - f->set_first[s])
            return weir_fail(error, WEIR_ERR_FORMAT, "set %zu: %u categories from word %u of %zu on", s, f->set_size[s],
                             f->set_first[s], f->words);
    return WEIR_OK;
}

weir_err weir_forest_validate(const struct weir_forest *f, size_t *tree, size_t *node, struct weir_error *error)
{
    size_t first = 0;
    *tree = *node = 0;
    weir_err err = check_whole(f, error);
    if (err)
        return err;
    for (size_t t = 0; t < f->trees; t++) {
        size_t count = f->count[t], open = 1;
        *tree = t;
        *node = first;
        if (f->group[t] >= f->groups)
            return weir_fail(error, WEIR_ERR_FORMAT, "tree %zu: group %u of %zu", t, f->group[t], f->groups);
        if (f->width > 1 && f->group[t])
            return weir_fail(error, WEIR_ERR_FORMAT, "tree %zu: group %u, but its leaves are for all groups", t, f->group[t]);
        if (f->first[t] != first || count < 1 || count > f->nodes - first)
            return weir_fail(error, WEIR_ERR_FORMAT, "tree %zu: %zu nodes, %zu are left", t, count, f->nodes - first);
        for (size_t i = 0; i < count; i++) {
            struct weir_error why;
            *node = first + i;
            if (i >= open)
                return weir_fail(error, WEIR_ERR_FORMAT, "tree %zu: node %zu has no parent", t, i);
            err = check_node(f, i, *node, &why);
            if (err)
                return weir_fail(error, err, "tree %zu: %s", t, why.text);
            if (f->split[*node] != WEIR_SPLIT_LEAF)
                open += 2;
        }
        if (open != count)
            return weir_fail(error, WEIR_ERR_FORMAT, "tree %zu: %zu nodes, its splits need %zu", t, count, open);
        if (weir_forest_depth(f, t) > WEIR_FOREST_DEPTH_MAX)
            return weir_fail(error, WEIR_ERR_LIMIT, "tree %zu: more than %d levels deep", t, WEIR_FOREST_DEPTH_MAX);
        first += count;
    }
    *node = first;
    if (first != f->nodes)
        return weir_fail(error, WEIR_ERR_FORMAT, "%zu nodes belong to no tree", f->nodes - first);
    return WEIR_OK;
}
