/* weir/survey.h: tasks as bytes and text. */
#include "weir/survey.h"

#include <stdlib.h>

#include "survey/task.h"

weir_err weir_survey_run(const void *frame_bytes, size_t frame_size, const char *task_json, void **model, size_t *model_bytes,
                         char **result_json, struct weir_error *error)
{
    struct weir_survey_frame *frame = NULL;
    uint8_t *bytes = NULL;
    json_t *result = NULL;
    json_error_t where;
    *model = NULL;
    *model_bytes = 0;
    *result_json = NULL;
    json_t *task = json_loads(task_json, JSON_REJECT_DUPLICATES, &where);
    weir_err failed = json_is_object(task)
                          ? WEIR_OK
                          : weir_fail(error, WEIR_ERR_FORMAT, "task: no JSON object: %s", task ? "something else" : where.text);
    if (!failed)
        failed = weir_survey_frame_open(frame_bytes, frame_size, "frame", &frame, error);
    if (!failed)
        failed = weir_survey_task_run(frame, task, &bytes, model_bytes, &result, error);
    if (!failed && !(*result_json = json_dumps(result, JSON_INDENT(1) | JSON_ENSURE_ASCII))) {
        failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        free(bytes);
        bytes = NULL;
        *model_bytes = 0;
    }
    *model = bytes;
    json_decref(result);
    json_decref(task);
    weir_survey_frame_close(&frame);
    return failed;
}

void weir_free(void *memory)
{
    free(memory);
}
