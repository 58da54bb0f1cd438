/* Tree ensembles: the one form that every loader fills, the file holds and every scorer reads.
 *
 * Nodes are kept tree by tree in level order, siblings side by side, left first. So the k-th inner node of a tree has its
 * children at places 2k+1 and 2k+2: child indexes are not stored, and a forest can hold no cycle and no stray index. A row goes
 * right when x >= threshold in float32, a missing value (NaN) to the side that the node names. The margin of a group is base +
 * the leaf values of its trees, added in float32 in tree order (as libxgboost adds them).
 *
 * A forest is immutable once built: any thread may read it.
 */
#ifndef WEIR_MODEL_FOREST_H
#define WEIR_MODEL_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/build.h"
#include "weir/error.h"

#define WEIR_FOREST_COLUMNS_MAX 32767
#define WEIR_FOREST_GROUPS_MAX  4096
#define WEIR_FOREST_TREES_MAX   1000000
#define WEIR_FOREST_NODES_MAX   (1u << 28)
#define WEIR_FOREST_DEPTH_MAX   512
#define WEIR_FOREST_VALUE_MAX   1e30f /* of a leaf or base: no sum of a million leaves overflows float32 */

#define WEIR_SPLIT_LEAF          0xffff /* in `split`: the node is a leaf */
#define WEIR_SPLIT_MISSING_RIGHT 0x8000 /* in `split`, beside the column: a missing value goes right */

struct weir_forest {
    size_t columns, groups, trees, nodes;
    size_t tree_room, node_room; /* entries allocated */
    float *base;                 /* [groups] margin before the first tree */
    uint32_t *first;             /* [trees] the tree's root in the arrays below */
    uint32_t *count;             /* [trees] its number of nodes */
    uint16_t *group;             /* [trees] the group that its leaves add to */
    uint16_t *split;             /* [nodes] column and WEIR_SPLIT_MISSING_RIGHT, or WEIR_SPLIT_LEAF */
    float *value;                /* [nodes] threshold, or leaf value */
    float *cover;                /* [nodes] weight of the training rows that reached the node; 0 everywhere: not known */
};

/* One tree with children by index, as other tools keep it; node 0 is the root, left[i] < 0 marks a leaf. */
struct weir_tree {
    size_t count;
    const int32_t *left, *right, *column;
    const int32_t *missing_left; /* not 0: a missing value goes left */
    const float *value;          /* threshold, or leaf value */
    const float *cover;          /* NULL: not known */
    const float *gain;           /* loss reduction of inner nodes, for `importance`; NULL: not known */
};

/* An empty forest, base 0. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. The caller frees it. */
weir_err weir_forest_create(size_t columns, size_t groups, struct weir_forest **out, struct weir_error *error);
void weir_forest_free(struct weir_forest **forest);

/* Checks a tree and appends it; nodes out of the root's reach are left out. importance: NULL, or [columns]: its splits are added
 * there (weight: count, gain and cover: sums). WEIR_ERR_FORMAT says what is wrong at which node: "node 7: ..."; WEIR_ERR_LIMIT;
 * WEIR_ERR_MEMORY. On failure the forest is as before, `importance` is not. */
weir_err weir_forest_add(struct weir_forest *forest, const struct weir_tree *tree, unsigned group,
                         struct weir_importance *importance, struct weir_error *error);

/* Turns every margin round (base and leaves times -1, exact). */
void weir_forest_negate(struct weir_forest *forest);

/* Allocates for this many trees and nodes in all; what was there stays. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. */
weir_err weir_forest_reserve(struct weir_forest *forest, size_t trees, size_t nodes, struct weir_error *error);

/* Splits on the longest path of a tree; 0 for a lone leaf. */
size_t weir_forest_depth(const struct weir_forest *forest, size_t tree);

/* The rules above, checked node by node; holds for what weir_forest_add made. *tree and *node: where it does not. */
weir_err weir_forest_validate(const struct weir_forest *forest, size_t *tree, size_t *node, struct weir_error *error);

/* The forest as the payload of a model file (docs/model-file.md), and back. encode writes weir_forest_bytes(forest) bytes. decode
 * checks sizes, then the rules; *position is where in `bytes` the fault is. WEIR_ERR_FORMAT, _LIMIT, _MEMORY. */
size_t weir_forest_bytes(const struct weir_forest *forest);
void weir_forest_encode(const struct weir_forest *forest, uint8_t *out);
weir_err weir_forest_decode(const uint8_t *bytes, size_t size, struct weir_forest **out, size_t *position,
                            struct weir_error *error);

#endif
