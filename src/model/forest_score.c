#include "model/forest_score.h"

#include <math.h>
#include <stdlib.h>

#define MISSING_RIGHT 0x80000000u
#define LANES         8 /* independent walks, to hide the loads' latency */

struct node {
    float threshold; /* NaN in a leaf: no comparison sends a row to the right */
    uint32_t next;   /* place of the left child, or of the leaf itself; MISSING_RIGHT */
};
_Static_assert(sizeof(struct node) == 8, "eight nodes a cache line");
_Static_assert(WEIR_FOREST_NODES_MAX < MISSING_RIGHT, "a place leaves the top bit free");

struct weir_plan {
    const struct weir_forest *forest;
    struct node *node;
    uint16_t *column;   /* of each node; 0 in a leaf */
    uint16_t *depth;    /* of each tree */
    uint16_t *identity; /* 0, 1, ...: the index when the caller has none */
    uint32_t *child;    /* of each node, when there are splits that are no numbers: place of the left child; else NULL */
};

weir_err weir_plan_create(const struct weir_forest *f, struct weir_plan **out, struct weir_error *error)
{
    *out = NULL;
    struct weir_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    plan->forest = f;
    /* One entry more than needed: an empty forest is no failed allocation. */
    plan->node = calloc(f->nodes + 1, sizeof *plan->node);
    plan->column = calloc(f->nodes + 1, sizeof *plan->column);
    plan->depth = calloc(f->trees + 1, sizeof *plan->depth);
    plan->identity = calloc(f->columns, sizeof *plan->identity);
    plan->child = f->odd ? calloc(f->nodes + 1, sizeof *plan->child) : NULL;
    if (!plan->node || !plan->column || !plan->depth || !plan->identity || (f->odd && !plan->child)) {
        weir_plan_free(&plan);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    for (size_t c = 0; c < f->columns; c++)
        plan->identity[c] = (uint16_t)c;
    for (size_t t = 0; t < f->trees; t++) {
        uint32_t child = f->first[t] + 1;
        plan->depth[t] = (uint16_t)weir_forest_depth(f, t);
        for (uint32_t i = f->first[t]; i < f->first[t] + f->count[t]; i++) {
            uint16_t split = f->split[i];
            if (split == WEIR_SPLIT_LEAF) {
                plan->node[i] = (struct node){NAN, i};
                continue;
            }
            plan->node[i] = (struct node){f->value[i], child | (split & WEIR_SPLIT_MISSING_RIGHT ? MISSING_RIGHT : 0)};
            plan->column[i] = split & (WEIR_SPLIT_MISSING_RIGHT - 1);
            if (plan->child)
                plan->child[i] = child;
            child += 2;
        }
    }
    *out = plan;
    return WEIR_OK;
}

void weir_plan_free(struct weir_plan **plan)
{
    if (!plan || !*plan)
        return;
    free((*plan)->node);
    free((*plan)->column);
    free((*plan)->depth);
    free((*plan)->identity);
    free((*plan)->child);
    free(*plan);
    *plan = NULL;
}

/* Walks `lanes` rows through one tree. The value of row k, column c is at x[index[c] * column_step + k * row_step]. */
static inline __attribute__((always_inline)) void walk(const struct weir_plan *plan, size_t tree, const float *x,
                                                       const uint16_t *index, size_t column_step, size_t row_step, size_t lanes,
                                                       uint32_t at[LANES])
{
    const struct node *nodes = plan->node;
    const uint16_t *columns = plan->column;
    uint32_t root = plan->forest->first[tree];
    for (size_t k = 0; k < lanes; k++)
        at[k] = root;
    for (unsigned step = plan->depth[tree]; step; step--)
        for (size_t k = 0; k < lanes; k++) {
            struct node node = nodes[at[k]];
            float value = x[index[columns[at[k]]] * column_step + k * row_step];
            uint32_t right = (uint32_t)(value >= node.threshold) | ((uint32_t)(value != value) & node.next >> 31);
            at[k] = (node.next & ~MISSING_RIGHT) + right;
        }
}

/* The same for trees with splits of any kind: one row after the other, by the rules as they are written down. */
static inline __attribute__((always_inline)) void walk_odd(const struct weir_plan *plan, size_t tree, const float *x,
                                                           const uint16_t *index, size_t column_step, size_t row_step,
                                                           size_t lanes, uint32_t at[LANES])
{
    const struct weir_forest *f = plan->forest;
    for (size_t k = 0; k < lanes; k++) {
        uint32_t node = f->first[tree];
        while (f->split[node] != WEIR_SPLIT_LEAF)
            node = plan->child[node] + weir_forest_right(f, node, x[index[plan->column[node]] * column_step + k * row_step]);
        at[k] = node;
    }
}

enum { SUMS = WEIR_FOREST_GROUPS_MAX };

/* margins: FLOAT32 sums, or NULL; sums: FLOAT64 ones. At most 64 rows. */
static inline __attribute__((always_inline)) void add(const struct weir_plan *plan, const float *x, const uint16_t *index,
                                                      size_t column_step, size_t row_step, size_t rows, float *margins,
                                                      double *sums)
{
    const struct weir_forest *f = plan->forest;
    uint32_t leaf[LANES];
    for (size_t t = 0; t < f->trees; t++)
        for (size_t r = 0, lanes; r < rows; r += lanes) {
            lanes = rows - r < LANES ? rows - r : LANES;
            if (plan->child)
                walk_odd(plan, t, x + r * row_step, index, column_step, row_step, lanes, leaf);
            else if (lanes == LANES)
                walk(plan, t, x + r * row_step, index, column_step, row_step, LANES, leaf);
            else
                walk(plan, t, x + r * row_step, index, column_step, row_step, lanes, leaf);
            size_t at = r * f->groups + f->group[t];
            if (margins)
                for (size_t k = 0; k < lanes; k++)
                    margins[at + k * f->groups] += f->value[leaf[k]];
            else
                for (size_t k = 0; k < lanes; k++)
                    for (size_t g = 0; g < f->width; g++)
                        sums[at + k * f->groups + g] += f->leaf[f->place[leaf[k]] * f->width + g];
        }
}

static inline __attribute__((always_inline)) void score(const struct weir_plan *plan, const float *x, const uint16_t *index,
                                                        size_t column_step, size_t row_step, size_t rows, float *margins)
{
    const struct weir_forest *f = plan->forest;
    if (f->sum == WEIR_SUM_FLOAT32) {
        for (size_t i = 0; i < rows * f->groups; i++)
            margins[i] = (float)f->base[i % f->groups];
        add(plan, x, index, column_step, row_step, rows, margins, NULL);
        return;
    }
    double sums[SUMS];
    size_t part = SUMS / f->groups < 64 ? SUMS / f->groups : 64;
    for (size_t r = 0; r < rows; r += part) {
        size_t some = rows - r < part ? rows - r : part;
        for (size_t i = 0; i < some * f->groups; i++)
            sums[i] = f->base[i % f->groups];
        add(plan, x + r * row_step, index, column_step, row_step, some, NULL, sums);
        for (size_t i = 0; i < some * f->groups; i++)
            margins[r * f->groups + i] = (float)sums[i];
    }
}

void weir_plan_rows(const struct weir_plan *plan, const float *x, size_t rows, size_t stride, float *margins)
{
    for (size_t r = 0; r < rows; r += 64) /* blocks: a tree is loaded once for 64 rows, and these rows stay in the cache */
        score(plan, x + r * stride, plan->identity, 1, stride, rows - r < 64 ? rows - r : 64, margins + r * plan->forest->groups);
}

void weir_plan_block(const struct weir_plan *plan, const float *x, const uint16_t *index, size_t rows, float *margins)
{
    score(plan, x, index ? index : plan->identity, 64, 1, rows, margins);
}

uint32_t weir_plan_leaf(const struct weir_plan *plan, size_t tree, const float *row)
{
    uint32_t leaf[LANES];
    if (plan->child)
        walk_odd(plan, tree, row, plan->identity, 1, 0, 1, leaf);
    else
        walk(plan, tree, row, plan->identity, 1, 0, 1, leaf);
    return leaf[0];
}
