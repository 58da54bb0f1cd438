/* The folder of a survey: what lies where, and which tasks are finished. Blocking. One thread.
 *
 *     OUT/plan.json  OUT/data/NAME.frame  OUT/tasks/ID.json ID.weir ID.log  OUT/report.json report.csv report.html best.weir
 *     OUT/runs.json (runs.h) OUT/engine.json ({"libraries":{name:version}}, of an engine that is not weir's)
 *
 * OUT/tasks/ID.json is written last and at once (beside and renamed): where it is, the task is finished. */
#ifndef WEIR_SURVEY_FOLDER_H
#define WEIR_SURVEY_FOLDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

enum { WEIR_SURVEY_PATH = 4096 };

/* "DIR/tasks/ID.json": the result is false when it is too long. */
bool weir_survey_task_path(const char *dir, const char *id, const char *ending, char path[static WEIR_SURVEY_PATH]);

/* Makes the folder and those in it, and keeps others out of it until the process ends: WEIR_ERR_BUSY when another survey has it.
 * fresh: removes what an earlier survey left there, and nothing else. WEIR_ERR_PERMISSION, WEIR_ERR_IO, ... */
weir_err weir_survey_folder_open(const char *dir, bool fresh, struct weir_error *error);

/* A data set of the plan of an earlier start that has another fingerprint now: WEIR_ERR_MISMATCH names it and says what to do. To
 * be asked before its frame is written. WEIR_OK without an earlier plan. */
weir_err weir_survey_folder_compare(const char *dir, const char *name, const char *fingerprint, struct weir_error *error);

/* What an earlier start has left. */
struct weir_survey_left {
    size_t kept;    /* finished tasks of this plan */
    size_t again;   /* failed ones: their results are removed, so that they are run again */
    size_t foreign; /* finished ones that are not in this plan: left alone */
};

/* Looks at it, then writes the new plan. */
weir_err weir_survey_folder_begin(const char *dir, const json_t *plan, struct weir_survey_left *left, struct weir_error *error);

/* Is there a result of this task? */
bool weir_survey_task_finished(const char *dir, const char *id);

/* Reads a JSON file. WEIR_ERR_FORMAT names line and column. */
weir_err weir_survey_json_read(const char *path, json_t **out, struct weir_error *error);

/* Writes one beside and renames it. */
weir_err weir_survey_json_write(const char *path, const json_t *json, struct weir_error *error);

#endif
