/* Trees as a scorer: the forest, the plan that scores it, and what explains it. */
#ifndef WEIR_MODEL_TREES_H
#define WEIR_MODEL_TREES_H

#include "model/forest.h"
#include "model/scorer.h"

extern const struct weir_scorer_kind weir_trees_kind;

/* Takes the forest over, whatever the result. Errors of weir_plan_create, WEIR_ERR_MEMORY. */
weir_err weir_trees_create(struct weir_forest *forest, struct weir_scorer **out, struct weir_error *error);

/* The forest and the plan of a scorer of this kind, NULL of another. */
struct weir_plan;
const struct weir_forest *weir_trees_forest(const struct weir_scorer *scorer);
const struct weir_plan *weir_trees_plan(const struct weir_scorer *scorer);

#endif
