/* Which feature set a model belongs to. */
#ifndef WEIR_MODEL_FEATURE_SET_H
#define WEIR_MODEL_FEATURE_SET_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* The feature set for a model with these columns, for train and import. `wanted` is what --features says: a view's name (all
 * columns must be in it) or "none"; NULL: the one view that has all the columns, else "none". *name is constant text, *id is 0
 * with "none". WEIR_ERR_NOT_FOUND for an unknown view, WEIR_ERR_MISMATCH names the columns that the wanted view lacks. Any
 * thread. */
weir_err weir_feature_set_choose(const char *wanted, const char *const *columns, size_t count, const char **name, uint64_t *id,
                                 struct weir_error *error);

#endif
