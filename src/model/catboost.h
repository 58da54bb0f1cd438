/* Reads CatBoost's model JSON (save_model(path, format='json')).
 *
 * Symmetric and other trees, float splits and one-hot splits of whole-number categories, any number of classes. Splits on
 * statistics of categories (ctr), on texts and embeddings are refused by name. Source of the format: CatBoost's documentation and
 * files written by 1.2.
 */
#ifndef WEIR_MODEL_CATBOOST_H
#define WEIR_MODEL_CATBOOST_H

#include "model/source.h"

/* As weir_source_read. */
weir_err weir_catboost_read(const void *bytes, size_t size, const char *origin, struct weir_source *out,
                            struct weir_error *error);

#endif
