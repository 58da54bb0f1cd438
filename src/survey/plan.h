/* The plan of a survey: its data sets and its tasks, as JSON, for engines of any kind. One thread.
 *
 *     {"version":1,"weir":"0.1.0","command":..,
 *      "data":{NAME:{"frame":"data/NAME.frame","fingerprint":..,"data_set":..|null,"origin":..,"rows":n,"test_rows":n,"columns":n,
 *                    "column_names":[..],"classes":[..],"labels":{value:rows,..},"feature_set":..}},
 *      "tasks":[{"id":..,"order":n,"data":..,"split":..,"test_data":..|null,"algorithm":..,"params":{..},"scale":..,
 *                "threshold":x|null,"flow_rate":x|null,"benign_share":x|null,"select":n|null,"explain_rows":n,"permute_rows":n,"seed":n,"fold":text|null,
 *                "drawn":{of weir_folds_json},"cost":seconds,"memory_mib":n},..]}
 *
 * Tasks stand with the most expensive first, which is how engines start them. An id names what the task is (data, split,
 * algorithm, parameters, weir's version): one that was finished is never finished for another plan. */
#ifndef WEIR_SURVEY_PLAN_H
#define WEIR_SURVEY_PLAN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "survey/frame.h"
#include "train/trainer.h"
#include "weir/error.h"

/* What is done with each split of each data set. Borrowed. */
struct weir_survey_plan_config {
    const struct weir_trainer *const *trainers; /* [trainer_count] */
    size_t trainer_count;
    const char *const *params; /* "ALGORITHM.NAME=VALUE" */
    size_t param_count;
    enum weir_scale scale;
    double threshold;               /* NaN: as the model decides */
    double flow_rate, benign_share; /* for alerts a day; NaN: the usual ones */
    const uint64_t *select;         /* [select_count] numbers of columns to choose; 0: all */
    size_t select_count;
    size_t explain_rows; /* test rows for the importance of columns by SHAP; not where that would take longer than the fit */
    size_t permute_rows; /* and by permutation, wherever it takes long; 0: without */
};

/* How a split of a frame came to be: beside frame->split. */
struct weir_survey_draw {
    uint64_t seed;
    const char *fold;    /* NULL: there is one */
    const json_t *drawn; /* weir_folds_json's; borrowed, or NULL */
};

/* The trainers' names and values of parameters are right: to be asked before hours of work. WEIR_ERR_ARGUMENT. */
weir_err weir_survey_plan_check(const struct weir_survey_plan_config *config, struct weir_error *error);

/* An empty plan; the caller owns it. NULL: out of memory. */
json_t *weir_survey_plan_start(const char *command);

/* Adds a data set, whose frame lies in memory, and its tasks. WEIR_ERR_ARGUMENT for a second set of the name, WEIR_ERR_MEMORY. */
weir_err weir_survey_plan_add(json_t *plan, const struct weir_survey_frame *frame, const char *origin,
                              const struct weir_survey_draw *draws, const struct weir_survey_plan_config *config,
                              struct weir_error *error);

/* Puts the tasks in order. */
weir_err weir_survey_plan_finish(json_t *plan, struct weir_error *error);

/* Makes a file name of a data set's name: letters, digits, ".-_+", at most 40 bytes. */
void weir_survey_file_name(const char *text, char out[static 41]);

#endif
