/* Why a row has its margin, exactly: Shapley values of the columns.
 *
 * The game is that of path-dependent TreeSHAP (Lundberg et al., "From local explanations to global understanding with explainable
 * AI for trees", 2020, algorithm 1): when only the columns of a set are known, a split on a known column sends the row where it
 * goes, a split on another one to both sides, by the share of training rows (`cover`) that went there; equal shares where no
 * cover is known. A column's value is its mean change of the expected margin over all orders in which the columns may become
 * known.
 *
 * How it is computed: let every column be known with probability t, independently. The expected margin is then a polynomial in
 * the columns' probabilities, and a column's Shapley value is the integral over t from 0 to 1 of its derivative by that column's
 * own probability (Owen, "Multilinear extensions of games", 1972). Below a leaf's path with n different columns the integrand has
 * degree n - 1, so Gauss-Legendre's rule with ceil(n / 2) points is exact: four points do for eight columns. A tree is walked
 * once for four points; at each split the derivative is one product. All sums are float64; the order of additions is fixed,
 * whatever the CPU.
 *
 * Immutable; any thread; a row allocates nothing.
 */
#ifndef WEIR_MODEL_SHAP_H
#define WEIR_MODEL_SHAP_H

#include "model/forest.h"

struct weir_shap;

/* The forest must outlive it. WEIR_ERR_MEMORY; those of weir_kernel_choose. */
weir_err weir_shap_create(const struct weir_forest *forest, struct weir_shap **out, struct weir_error *error);
void weir_shap_free(struct weir_shap **shap);

/* Bytes of the room that explaining a row needs: the caller's, aligned to 64, one thread at a time. */
size_t weir_shap_room(const struct weir_shap *shap);

/* contributions[columns] and *base of a row's margin of a group: base + their sum is the margin, up to the rounding of float32.
 */
void weir_shap_row(const struct weir_shap *shap, const float *row, size_t group, void *room, double *contributions, double *base);

#endif
