/* One task of a survey: fit a model to the rows of a frame, test it, and hand back the model file's bytes and what is to be said
 * of it. What `weir survey` runs in processes of its own, and engines that have processes elsewhere (python/weir) call.
 *
 * A frame is the file `weir survey` leaves in OUT/data/NAME.frame (docs/survey.md): columns, labels and splits of a data set. It
 * is read where it lies, never copied nor written: map it or share it. A task is one entry of OUT/plan.json.
 */
#ifndef WEIR_SURVEY_H
#define WEIR_SURVEY_H

#include <stddef.h>

#include "weir/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libweir.so shows */
#endif

/* Runs a task. frame: frame_bytes bytes, aligned to 8, that nobody changes meanwhile. task_json: the entry, NUL terminated.
 *
 * WEIR_OK also when the task itself failed (a library that is not there, memory, a parameter that is wrong): *result_json has
 * "status":"failed" and "error" then, and *model is NULL. Else it has "status":"done", and *model holds *model_bytes bytes of a
 * .weir file. Both outputs are the caller's, to be freed with weir_free. The member "result" and the model depend on frame and
 * task alone, bit for bit; "cost" is what it took.
 *
 * Other codes, with nothing to free: WEIR_ERR_FORMAT (frame or task are malformed), WEIR_ERR_UNSUPPORTED (a frame of a newer
 * weir), WEIR_ERR_ARGUMENT (alignment), WEIR_ERR_MEMORY.
 *
 * Uses one thread. Calls may run side by side in several threads, but then "peak_mib" counts them together, and of a task whose
 * algorithm is xgboost only one may run at a time. */
weir_err weir_survey_run(const void *frame, size_t frame_bytes, const char *task_json, void **model, size_t *model_bytes,
                         char **result_json, struct weir_error *error);

/* Frees what functions here hand out. NULL-safe. */
void weir_free(void *memory);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
