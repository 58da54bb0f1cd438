/* Tree ensembles: the one form that every loader fills, the file holds and every scorer reads.
 *
 * Nodes are kept tree by tree in level order, siblings side by side, left first. So the k-th inner node of a tree has its
 * children at places 2k+1 and 2k+2: child indexes are not stored, and a forest can hold no cycle and no stray index.
 *
 * Where a row goes depends on the split's kind. A missing value (NaN) goes to the side that the node names, always.
 *   NUMBER  right when x >= value, compared in float32.
 *   ZERO    the same, but a value within WEIR_FOREST_ZERO of 0 is missing too (LightGBM's missing type Zero).
 *   SET     right when the category, x cut to an integer, is in the node's set; left when it is not, when it is past the set's
 *           end, or when x < value (value lies in (-1, 0]: 0 for who refuses negative numbers, more than -1 for who cuts first).
 * Loaders bring every library's rule to these: x <= T (float64) becomes x >= the next float32 above T, a set whose members go
 * left gets its children swapped, "missing is 0" becomes the side that 0 goes to.
 *
 * The margin of group g is base[g] + what the trees' leaves add, in one of two ways:
 *   FLOAT32  leaf values are float32, summed in float32 in tree order, from (float)base[g] on (as libxgboost adds them).
 *   FLOAT64  leaf values are float64 in `leaf`, summed in float64 in tree order from base[g] on and rounded to float32 once.
 * A tree adds to its one group (width 1) or its leaves hold a value for each group (width == groups, FLOAT64 only). Averages and
 * scales are multiplied into leaves and base by the loader.
 *
 * A forest is immutable once built: any thread may read it.
 */
#ifndef WEIR_MODEL_FOREST_H
#define WEIR_MODEL_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/build.h"
#include "model/link.h"
#include "weir/error.h"

#define WEIR_FOREST_COLUMNS_MAX 32767
#define WEIR_FOREST_GROUPS_MAX  4096
#define WEIR_FOREST_TREES_MAX   1000000
#define WEIR_FOREST_NODES_MAX   (1u << 28)
#define WEIR_FOREST_LEAVES_MAX  (1u << 28) /* values in `leaf` */
#define WEIR_FOREST_SETS_MAX    (1u << 24)
#define WEIR_FOREST_WORDS_MAX   (1u << 27) /* of all sets */
#define WEIR_FOREST_SET_MAX     65536      /* categories 0 to 65,535 */
#define WEIR_FOREST_DEPTH_MAX   512
#define WEIR_FOREST_VALUE_MAX   1e30f  /* of a leaf or base: no sum of a million leaves overflows float32 */
#define WEIR_FOREST_ZERO        1e-35f /* LightGBM's kZeroThreshold */

#define WEIR_SPLIT_LEAF          0xffff /* in `split`: the node is a leaf */
#define WEIR_SPLIT_MISSING_RIGHT 0x8000 /* in `split`, beside the column: a missing value goes right */

enum weir_split_kind { WEIR_SPLIT_NUMBER, WEIR_SPLIT_ZERO, WEIR_SPLIT_SET };

enum weir_forest_sum { WEIR_SUM_FLOAT32, WEIR_SUM_FLOAT64 };

struct weir_forest {
    size_t columns, groups, trees, nodes;
    size_t tree_room, node_room; /* entries allocated */
    enum weir_forest_sum sum;    /* sum, link and width: set by the loader before the first tree */
    enum weir_link link;
    size_t width;    /* groups that one leaf adds to: 1, or all */
    double *base;    /* [groups] margin before the first tree; FLOAT32: values of float32 */
    uint32_t *first; /* [trees] the tree's root in the arrays below */
    uint32_t *count; /* [trees] its number of nodes */
    uint16_t *group; /* [trees] the group that its leaves add to; 0 with width > 1 */
    uint16_t *split; /* [nodes] column and WEIR_SPLIT_MISSING_RIGHT, or WEIR_SPLIT_LEAF */
    float *value;    /* [nodes] threshold, or leaf value (FLOAT64: rounded; 0 with width > 1) */
    float *cover;    /* [nodes] weight of the training rows that reached the node; 0 everywhere: not known */
    uint8_t *kind;   /* [nodes] enum weir_split_kind; 0 in a leaf */
    uint32_t *place; /* [nodes] of a SET split its set; of a leaf, with FLOAT64, its row in `leaf`; else 0 */
    double *leaf;    /* FLOAT64: [leaves][width]; leaves are numbered in the order of the nodes */
    size_t leaves, leaf_room;
    size_t sets, set_room, words, word_room;
    uint32_t *set_first; /* [sets] the set's first word */
    uint32_t *set_size;  /* [sets] its categories are 0 ... size-1; category c is bit c % 32 of word c / 32 */
    uint32_t *word;      /* [words] */
    size_t odd;          /* number of splits that are not of kind NUMBER */
};

/* Is the row's value x of the split's column sent right? `node` is no leaf. */
static inline bool weir_forest_right(const struct weir_forest *f, size_t node, float x)
{
    bool missing = x != x;
    if (f->kind[node] == WEIR_SPLIT_ZERO)
        missing |= x >= -WEIR_FOREST_ZERO && x <= WEIR_FOREST_ZERO;
    if (missing)
        return f->split[node] & WEIR_SPLIT_MISSING_RIGHT;
    if (f->kind[node] != WEIR_SPLIT_SET)
        return x >= f->value[node];
    if (x < f->value[node] || x >= WEIR_FOREST_SET_MAX)
        return false;
    uint32_t set = f->place[node], category = (uint32_t)(int32_t)x; /* (-1, 0) is 0 */
    return category < f->set_size[set] && (f->word[f->set_first[set] + category / 32] >> category % 32 & 1);
}

/* What leaf `node` of `tree` adds to a group. */
static inline double weir_forest_leaf(const struct weir_forest *f, size_t tree, size_t node, size_t group)
{
    if (f->width > 1)
        return f->leaf[f->place[node] * f->width + group];
    if (f->group[tree] != group)
        return 0;
    return f->sum == WEIR_SUM_FLOAT64 ? f->leaf[f->place[node]] : (double)f->value[node];
}

/* One tree with children by index, as other tools keep it; node 0 is the root, left[i] < 0 marks a leaf. */
struct weir_tree {
    size_t count;
    const int32_t *left, *right, *column;
    const int32_t *missing_left; /* not 0: a missing value goes left */
    const float *value;          /* threshold, or (FLOAT32) leaf value */
    const double *leaf;          /* FLOAT64: [count][width], read at the leaves; else NULL */
    const uint8_t *kind;         /* enum weir_split_kind; NULL: all NUMBER */
    const uint32_t *set;         /* of SET splits; may be NULL when there are none */
    const float *cover;          /* NULL: not known */
    const float *gain;           /* loss reduction of inner nodes, for `importance`; NULL: not known */
};

/* An empty forest, base 0, FLOAT32, LOGISTIC, width 1. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. The caller frees it. */
weir_err weir_forest_create(size_t columns, size_t groups, struct weir_forest **out, struct weir_error *error);
void weir_forest_free(struct weir_forest **forest);

/* Another number of groups, base 0; the trees stay. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. */
weir_err weir_forest_regroup(struct weir_forest *forest, size_t groups, struct weir_error *error);

/* Appends a set of categories (bit c % 32 of word c / 32) and says its number; one equal to the set before is not added again.
 * WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. */
weir_err weir_forest_add_set(struct weir_forest *forest, const uint32_t *words, size_t count, uint32_t *set,
                             struct weir_error *error);

/* Checks a tree and appends it; nodes out of the root's reach are left out. importance: NULL, or [columns]: its splits are added
 * there (weight: count, gain and cover: sums). WEIR_ERR_FORMAT says what is wrong at which node: "node 7: ..."; WEIR_ERR_LIMIT;
 * WEIR_ERR_MEMORY. On failure the forest is as before, `importance` is not. */
weir_err weir_forest_add(struct weir_forest *forest, const struct weir_tree *tree, unsigned group,
                         struct weir_importance *importance, struct weir_error *error);

/* Speaks for the other of two classes: turns every margin round (base and leaves times -1, exact; with link PROBABILITY 1 - p).
 * One group, no regression. */
void weir_forest_negate(struct weir_forest *forest);

/* Multiplies what every leaf adds; FLOAT64 only. */
void weir_forest_scale(struct weir_forest *forest, double factor);

/* Allocates for this many trees and nodes in all; what was there stays. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. */
weir_err weir_forest_reserve(struct weir_forest *forest, size_t trees, size_t nodes, struct weir_error *error);

/* Splits on the longest path of a tree; 0 for a lone leaf. */
size_t weir_forest_depth(const struct weir_forest *forest, size_t tree);

/* The rules above, checked node by node; holds for what weir_forest_add made. *tree and *node: where it does not. */
weir_err weir_forest_validate(const struct weir_forest *forest, size_t *tree, size_t *node, struct weir_error *error);

/* Looks at the first `have` of a payload's `size` bytes, of which WEIR_FOREST_PEEK_BYTES (or all) must be there: sizes against
 * its counts, and the trees' sizes against each other. *position as below. WEIR_ERR_FORMAT, _LIMIT, _UNSUPPORTED. */
#define WEIR_FOREST_PEEK_BYTES (64 + 8 * WEIR_FOREST_GROUPS_MAX + 4 * WEIR_FOREST_TREES_MAX)
weir_err weir_forest_peek(uint32_t kind, const uint8_t *bytes, size_t have, size_t size, size_t *position,
                          struct weir_error *error);

/* The forest as the payload of a model file (docs/model-file.md), and back. kind: the payload's, WEIR_PAYLOAD_TREES for what that
 * can hold (FLOAT32, LOGISTIC, all splits NUMBER), else WEIR_PAYLOAD_FOREST. encode writes weir_forest_bytes(forest) bytes.
 * decode checks sizes, then the rules; *position is where in `bytes` the fault is. WEIR_ERR_FORMAT, _LIMIT, _MEMORY. */
uint32_t weir_forest_payload(const struct weir_forest *forest);
size_t weir_forest_bytes(const struct weir_forest *forest);
void weir_forest_encode(const struct weir_forest *forest, uint8_t *out);
weir_err weir_forest_decode(uint32_t kind, const uint8_t *bytes, size_t size, struct weir_forest **out, size_t *position,
                            struct weir_error *error);

#endif
