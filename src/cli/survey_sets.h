/* The data sets of a survey: read, split, written as frames, put into the plan. One thread. */
#ifndef WEIR_CLI_SURVEY_SETS_H
#define WEIR_CLI_SURVEY_SETS_H

#include <jansson.h>
#include <signal.h>

#include "cli/survey_options.h"

/* One data set after the other is in memory. Errors of reading, preparing and splitting; WEIR_ERR_MISMATCH when the folder holds
 * a survey of other data. */
weir_err weir_survey_sets_read(const struct weir_survey_options *options, const volatile sig_atomic_t *stop, json_t *plan,
                               struct weir_error *error);

#endif
