/* What a run is made of, from its options: the model is loaded, the feature set found, the columns checked. One thread. */
#ifndef WEIR_CLI_RUN_PLAN_H
#define WEIR_CLI_RUN_PLAN_H

#include "cli/run_options.h"
#include "pipeline/run.h"

struct weir_run_plan {
    char *model_path;  /* also of the model that comes with weir */
    weir_model *model; /* NULL: a sensor without */
    struct weir_strings columns;
    char host[65], state[PATH_MAX];
    struct weir_rights rights;
    struct weir_run_config config; /* without `command` */
};

/* Loads the options' model, or the one that comes with weir; `named`, unless NULL, in place of both. The options' threshold holds
 * for it. The caller frees model and path. A failure names the setting. */
weir_err weir_run_model_load(const struct weir_run_options *options, const char *named, weir_model **model, char **path,
                             struct weir_error *error);

/* Makes the plan; `options` outlive it, and so does the plan's place in memory. Problems are added; the plan is to be used only
 * without. In any case the caller frees it. */
void weir_run_plan_make(const struct weir_run_options *options, struct weir_run_plan *plan, struct weir_problems *problems);
void weir_run_plan_free(struct weir_run_plan *plan);

#endif
