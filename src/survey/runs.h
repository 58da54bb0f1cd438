/* How long the same tasks took, run by run: OUT/runs.json, which a survey that begins anew (--fresh) keeps, so that runs with
 * other numbers of processes or another engine can be compared. One thread. */
#ifndef WEIR_SURVEY_RUNS_H
#define WEIR_SURVEY_RUNS_H

#include <jansson.h>
#include <stdbool.h>

#include "weir/error.h"

/* Puts the runs of this report's tasks into report["runs"], by engine and number of processes:
 *
 *     [{"tasks":hash of the tasks' ids,"engine":..,"jobs":n,"total_s":wall clock,"task_s":sum of fit and score,
 *       "algorithms":{name:seconds of fit and score}},..]
 *
 * whole: this run ran all of the tasks; it is added, in place of an earlier one of the same engine and number. A runs.json that
 * cannot be read is begun anew. Errors of weir_survey_json_write; WEIR_ERR_MEMORY. */
weir_err weir_survey_runs_note(const char *dir, bool whole, json_t *report, struct weir_error *error);

#endif
