/* Reads LightGBM's model text (version v3 and v4, the one form of save_model).
 *
 * Splits on numbers with every missing type and on categories; any number of classes; random forests (average_output). Linear
 * leaves and unknown objectives are refused by name. Source of the format: LightGBM's documentation and files written by 4.x.
 */
#ifndef WEIR_MODEL_LIGHTGBM_H
#define WEIR_MODEL_LIGHTGBM_H

#include "model/source.h"

/* As weir_source_read. */
weir_err weir_lightgbm_read(const void *bytes, size_t size, const char *origin, struct weir_source *out,
                            struct weir_error *error);

#endif
