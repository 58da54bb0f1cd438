/* What it costs to get a model's columns of a flow: the other half of serving, beside scoring. One thread. */
#ifndef WEIR_SURVEY_EXTRACT_H
#define WEIR_SURVEY_EXTRACT_H

#include <jansson.h>

#include "weir/error.h"

/* Nanoseconds a record for the values of these columns (texts) of a feature set, measured on records that a meter makes of
 * made-up TCP connections. WEIR_ERR_NOT_FOUND for a feature set that weir does not meter or a column that it lacks,
 * WEIR_ERR_MEMORY. */
weir_err weir_survey_extract_ns(const char *feature_set, const json_t *columns, double *ns, struct weir_error *error);

#endif
