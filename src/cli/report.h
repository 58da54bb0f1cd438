/* Prints evaluations on standard output, for people or as one JSON object. One thread. */
#ifndef WEIR_CLI_REPORT_H
#define WEIR_CLI_REPORT_H

#include <stdbool.h>

#include "data/dataset.h"
#include "train/evaluate.h"
#include "weir/model.h"

/* The keys that design.md names, then what `more` holds (NULL: nothing; taken over): fit_s comes from there, null without. */
void weir_print_evaluation(const weir_model *model, const struct weir_evaluation *evaluation, const struct weir_dataset *dataset,
                           json_t *more, bool json);

/* Columns with weight, gain and cover, the highest gain first; unused ones are left out. For people: */
void weir_print_importance(const weir_model *model);
json_t *weir_importance_json(const weir_model *model);

#endif
