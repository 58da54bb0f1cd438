/* Which feature set a model belongs to. Pure functions; any thread. */
#ifndef WEIR_MODEL_FEATURE_SET_H
#define WEIR_MODEL_FEATURE_SET_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

/* The feature set for a model with these columns, for train and import. `wanted` is what --features says: a view's name (all
 * columns must be in it) or "none"; NULL: the one view that has all the columns, else "none". *name is constant text, *id is 0
 * with "none". WEIR_ERR_NOT_FOUND for an unknown view, WEIR_ERR_MISMATCH names the columns that the wanted view lacks. */
weir_err weir_feature_set_choose(const char *wanted, const char *const *columns, size_t count, const char **name, uint64_t *id,
                                 struct weir_error *error);

/* The view's code tables of those of the columns that are categories, as a card keeps them: {"proto":["tcp","udp"]}; null for
 * "none" and without a category. The caller decrefs it; NULL: out of memory. */
json_t *weir_feature_set_categories(const char *name, const char *const *columns, size_t count);

#endif
