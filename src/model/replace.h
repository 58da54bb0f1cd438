/* Explaining a scorer that has no formula for it: columns are brought one after the other from a background to the row, and what
 * a column changes the margin by is its contribution. They add up by construction: base (the background's margin) + contributions
 * = margin.
 *
 * PATH takes the columns in their order; EXACT takes the mean of that order and its reverse, which is fairer to columns that say
 * the same, yet no Shapley value. A column that is missing, or equals the background, contributes 0. Costs one score (EXACT: two)
 * for each column that differs.
 */
#ifndef WEIR_MODEL_REPLACE_H
#define WEIR_MODEL_REPLACE_H

#include "model/scorer.h"

size_t weir_replace_room(const struct weir_scorer *scorer);

/* As weir_scorer_kind.explain; background: [columns], finite. */
void weir_replace_explain(const struct weir_scorer *scorer, enum weir_explain how, const float *background, const float *row,
                          size_t group, void *room, double *contributions, double *base);

#endif
