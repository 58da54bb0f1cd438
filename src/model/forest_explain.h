/* Why a row has its margin: contributions along the decision paths.
 *
 * Each node has an expected value: of a leaf its value, of an inner node the mean of its children's, weighted by their cover (the
 * training rows that reached them; equal weights where no cover is known). On a row's path each split changes the expected value;
 * the change goes to the split's column. So base (the base margin and the roots' expected values) plus all contributions is the
 * margin, up to the rounding of float32. The same rule as libxgboost's approximate contributions. Immutable; any thread.
 */
#ifndef WEIR_MODEL_FOREST_EXPLAIN_H
#define WEIR_MODEL_FOREST_EXPLAIN_H

#include "model/forest.h"

struct weir_explainer;

/* The forest must outlive the explainer. WEIR_ERR_MEMORY. */
weir_err weir_explainer_create(const struct weir_forest *forest, struct weir_explainer **out, struct weir_error *error);
void weir_explainer_free(struct weir_explainer **explainer);

/* contributions[columns] and *base of a row's margin of a group. */
void weir_explainer_row(const struct weir_explainer *explainer, const float *row, size_t group, double *contributions,
                        double *base);

#endif
