/* The engines of a survey as `weir survey` starts them: local processes or Ray, with progress. One thread. */
#ifndef WEIR_CLI_SURVEY_ENGINE_H
#define WEIR_CLI_SURVEY_ENGINE_H

#include <jansson.h>
#include <signal.h>

#include "cli/survey_options.h"

/* Runs what is not finished. WEIR_ERR_CLOSED when stopped; WEIR_ERR_NOT_FOUND, _IO, _LIBRARY when the engine cannot work. */
weir_err weir_survey_engine_run(const struct weir_survey_options *options, const json_t *plan, const volatile sig_atomic_t *stop,
                                struct weir_error *error);

#endif
