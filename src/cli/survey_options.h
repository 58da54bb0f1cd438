/* What `weir survey` can be told, by flags and by a configuration file (-c). One thread. */
#ifndef WEIR_CLI_SURVEY_OPTIONS_H
#define WEIR_CLI_SURVEY_OPTIONS_H

#include "cli/config.h"
#include "cli/settings.h"
#include "data/known.h"
#include "train/folds.h"
#include "train/trainer.h"

enum { WEIR_SURVEY_SETTINGS = 48 }; /* room for rows */

struct weir_survey_numbers {
    uint64_t *item;
    size_t count;
};

enum weir_survey_importance { WEIR_SURVEY_SHAP, WEIR_SURVEY_ALL, WEIR_SURVEY_NONE };

/* One --set: a data set and its files. */
struct weir_survey_set {
    char *name; /* NULL: of the known data set, or of the file */
    struct weir_strings files;
    bool trains, tests; /* tests: others are tested on it */
};

struct weir_survey_options {
    const char *config, *out, *sql, *label, *benign, *dataset, *features, *split, *engine, *address, *python, *pick, *test_files;
    struct weir_strings data, set_words, exclude, train_on, test_on;
    struct {
        struct weir_strings names, params;
    } algorithms;
    struct weir_survey_numbers seeds, select;
    enum weir_scale scale;
    enum weir_survey_importance importance;
    uint64_t jobs, folds, memory_mib;
    int64_t timeout_ns;
    double share, sample, threshold;  /* NaN: as the model decides */
    double tolerance;                 /* of F1, for `pick` */
    double flows_per_s, benign_share; /* for alerts a day; NaN: the usual ones */
    bool multiclass, common, fresh, plan_only, json, quiet;
    struct weir_told told[WEIR_SURVEY_SETTINGS]; /* beside the rows; owns the texts */
    /* Made of the above. */
    struct weir_survey_set *set;
    size_t set_count;
    const struct weir_trainer **trainers;
    size_t trainer_count;
    struct weir_folds_config fold;
    const struct weir_known *known; /* what --dataset names; NULL: found by the columns */
    struct weir_known *own;         /* of its file */
    bool unknown;                   /* "none" */
    bool benign_alone;              /* an algorithm was named that needs no attacks */
};

extern const struct weir_settings weir_survey_settings;

/* The defaults, then the file that the flags name, then the flags; what does not fit together is a problem too. To be freed in
 * any case. */
void weir_survey_options_make(const struct weir_flags *flags, struct weir_survey_options *out, struct weir_problems *problems);
void weir_survey_options_free(struct weir_survey_options *options);

#endif
