/* Scores rows with a forest, compiled to a plan for the best kernel of this CPU (docs/forest.md; model/kernel.h has the parts).
 *
 * Margins are those of the rules in forest.h, bit for bit, whatever the kernel and the number of rows. Immutable; any thread.
 */
#ifndef WEIR_MODEL_FOREST_SCORE_H
#define WEIR_MODEL_FOREST_SCORE_H

#include "model/forest.h"

struct weir_plan;
struct weir_kernel;

/* The forest must outlive the plan. kernel: NULL for the one that WEIR_SIMD or the CPU chooses. Errors of weir_kernel_choose,
 * WEIR_ERR_MEMORY. */
weir_err weir_plan_create(const struct weir_forest *forest, const struct weir_kernel *kernel, struct weir_plan **out,
                          struct weir_error *error);
void weir_plan_free(struct weir_plan **plan);

/* As weir_model_margins and weir_model_margins_block. */
void weir_plan_rows(const struct weir_plan *plan, const float *x, size_t rows, size_t stride, float *margins);
void weir_plan_block(const struct weir_plan *plan, const float *x, const uint16_t *index, size_t rows, float *margins);

/* The leaf's place in the forest's arrays that a row (row-major) falls into, found by the plan's kernel. */
uint32_t weir_plan_leaf(const struct weir_plan *plan, size_t tree, const float *row);

#endif
