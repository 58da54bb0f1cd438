/* Reads XGBoost's model documents (JSON and UBJSON, versions 1.7 to 3.x).
 *
 * Boosters gbtree and dart; classification and regression objectives of one target; splits on numbers and on categories. Vector
 * leaves, several targets, gblinear and unknown objectives are refused by name. Source of the format: XGBoost's documentation
 * "Introduction to Model IO" and files written by 1.7, 2.1, 3.0 and 3.2.
 */
#ifndef WEIR_MODEL_XGBOOST_H
#define WEIR_MODEL_XGBOOST_H

#include "model/source.h"

/* As weir_source_read. */
weir_err weir_xgboost_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error);

#endif
