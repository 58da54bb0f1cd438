/* Codes for forests of large trees: see struct weir_code in kernel.h. Parts of the compiler (forest_plan.c). */
#ifndef WEIR_MODEL_FOREST_WALK_H
#define WEIR_MODEL_FOREST_WALK_H

#include "model/kernel.h"

/* Gives the plan codes and its forest's nodes as words, unless the forest has splits other than by number, trees without a split,
 * or more columns or thresholds than codes can tell apart: then plan->row_codes stays 0. WEIR_ERR_MEMORY. */
weir_err weir_walk_encode(struct weir_plan *plan, struct weir_error *error);

/* A search tree of 2^steps floats (struct weir_search) over sorted edges. */
void weir_search_table(const float *edge, size_t count, unsigned steps, float *table);

/* Takes them away again. */
void weir_walk_forget(struct weir_plan *plan);

#endif
