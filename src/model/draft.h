/* A tree being read: growing arrays of nodes with children by index, and the steps that bring other libraries' rules to the
 * forest's. Readers keep one draft and use it for every tree. One thread. */
#ifndef WEIR_MODEL_DRAFT_H
#define WEIR_MODEL_DRAFT_H

#include "model/forest.h"

struct weir_draft {
    size_t count, room;
    size_t width; /* values of a leaf; set before the first node */
    int32_t *left, *right, *column, *missing_left;
    float *value, *cover, *gain;
    double *leaf; /* [count][width] */
    uint8_t *kind;
    uint32_t *set;
};

/* Exactly `count` nodes from now on; those that are new are leaves, all zero. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. */
weir_err weir_draft_resize(struct weir_draft *draft, size_t count, struct weir_error *error);
void weir_draft_free(struct weir_draft *draft);

/* The node sends x <= limit to the left, in float64 (x itself is float32); `limit` is no NaN. Forest: whose sets are used when
 * the limit is +infinity. WEIR_ERR_LIMIT, WEIR_ERR_MEMORY. */
weir_err weir_draft_limit(struct weir_draft *draft, struct weir_forest *forest, size_t node, double limit,
                          struct weir_error *error);

/* The node sends the categories of a set (bits of words) to one side, and all other values to the other. With `left` the children
 * change sides. `from`: values below are in no set (see forest.h). Children and missing_left must be there. Errors as
 * weir_forest_add_set. */
weir_err weir_draft_set(struct weir_draft *draft, struct weir_forest *forest, size_t node, const uint32_t *words, size_t count,
                        bool left, float from, struct weir_error *error);

/* Borrows the draft. */
struct weir_tree weir_draft_tree(const struct weir_draft *draft, bool covered);

/* The smallest float32 t such that x >= t exactly when x > limit, for every float32 x. false: no float32 x is above (limit is
 * +infinity). `limit` is no NaN. */
bool weir_draft_above(double limit, float *t);

#endif
