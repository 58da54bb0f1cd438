/* A task: one fit on one split of one data set, tested. Pure: everything comes from the frame and the task, and goes to memory;
 * weir/survey.h is the same as bytes and text. One thread.
 *
 *     {"id":..,"data":..,"split":..,"algorithm":..,"params":{name:"value",..},"scale":"none"|"standard","seed":n,"fold":n|null,
 *      "threshold":x|null,"flow_rate":x|null,"benign_share":x|null,"select":columns to keep|null,"explain_rows":n,
 *      "permute_rows":n,"drawn":{..}|null,...}
 *
 * explain_rows and permute_rows: test rows for the importance of columns by SHAP and by permutation; not given: without.
 * drawn: how the rows were chosen, for the card.
 * What else is in it is for others (plan.h) and is left alone. */
#ifndef WEIR_SURVEY_TASK_H
#define WEIR_SURVEY_TASK_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/frame.h"
#include "weir/error.h"

/* Runs it. WEIR_OK also when the fit or the test failed; see weir_survey_run for what *result, *model (free) and the codes are.
 * The caller owns *result. */
weir_err weir_survey_task_run(const struct weir_survey_frame *frame, const json_t *task, uint8_t **model, size_t *model_bytes,
                              json_t **result, struct weir_error *error);

/* The result of a task that left none itself: a process that died, a library that is not there. NULL: out of memory. */
json_t *weir_survey_task_failed(const json_t *task, const char *why, json_t *cost);

#endif
