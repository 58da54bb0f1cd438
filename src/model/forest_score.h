/* The scalar scorer: a forest compiled to 8-byte nodes, walked eight rows at a time.
 *
 * Trees are the outer loop and rows the inner one, so that a tree stays in the first cache while 64 rows pass it. A walk takes as
 * many steps as the tree is deep, without a branch: a leaf points to itself. Margins are those of libxgboost, bit for bit where
 * it adds in tree order. Immutable; any thread.
 */
#ifndef WEIR_MODEL_FOREST_SCORE_H
#define WEIR_MODEL_FOREST_SCORE_H

#include "model/forest.h"

struct weir_plan;

/* The forest must outlive the plan. WEIR_ERR_MEMORY. */
weir_err weir_plan_create(const struct weir_forest *forest, struct weir_plan **out, struct weir_error *error);
void weir_plan_free(struct weir_plan **plan);

/* As weir_model_margins and weir_model_margins_block. */
void weir_plan_rows(const struct weir_plan *plan, const float *x, size_t rows, size_t stride, float *margins);
void weir_plan_block(const struct weir_plan *plan, const float *x, const uint16_t *index, size_t rows, float *margins);

/* The leaf's place in the forest's arrays that a row (row-major) falls into. */
uint32_t weir_plan_leaf(const struct weir_plan *plan, size_t tree, const float *row);

#endif
