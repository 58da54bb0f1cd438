/* The options about labelled data that train, evaluate and predict share. One thread. */
#ifndef WEIR_CLI_DATA_OPTIONS_H
#define WEIR_CLI_DATA_OPTIONS_H

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>

#include "cli/options.h"
#include "data/dataset.h"
#include "data/relation.h"
#include "weir/model.h"

struct weir_data_options {
    struct weir_strings data;
    const char *sql, *label, *benign, *dataset;
    struct weir_strings exclude;
    bool multiclass, exclude_given, common;
    /* Made by weir_data_options_check of --dataset: the data set (NULL: found by its columns), its file's, and whether it is
     * "none". */
    const struct weir_known *known;
    struct weir_known *own;
    bool unknown;
};

enum {
    WEIR_OPT_DATA = 1000,
    WEIR_OPT_SQL,
    WEIR_OPT_LABEL,
    WEIR_OPT_BENIGN,
    WEIR_OPT_MULTICLASS,
    WEIR_OPT_EXCLUDE,
    WEIR_OPT_DATASET,
    WEIR_OPT_COMMON,
    WEIR_OPT_FLOW_RATE,
    WEIR_OPT_BENIGN_SHARE
};

/* For the table of getopt_long. */
#define WEIR_DATA_OPTIONS                                                                                                        \
    {"data", required_argument, NULL, WEIR_OPT_DATA}, {"sql", required_argument, NULL, WEIR_OPT_SQL},                            \
        {"dataset", required_argument, NULL, WEIR_OPT_DATASET}, {"common", no_argument, NULL, WEIR_OPT_COMMON},                  \
        {"label", required_argument, NULL, WEIR_OPT_LABEL}, {"benign", required_argument, NULL, WEIR_OPT_BENIGN},                \
    {                                                                                                                            \
        "exclude", required_argument, NULL, WEIR_OPT_EXCLUDE                                                                     \
    }

#define WEIR_TRAFFIC_OPTIONS                                                                                                     \
    {"flow-rate", required_argument, NULL, WEIR_OPT_FLOW_RATE},                                                                  \
    {                                                                                                                            \
        "benign-share", required_argument, NULL, WEIR_OPT_BENIGN_SHARE                                                           \
    }

/* Takes an option of the table; false: it is none of these. */
bool weir_data_options_take(struct weir_data_options *options, int option, const char *value);

/* What --dataset names: one that weir knows, a file of a description (*own then, which the caller frees), or "none" (*unknown).
 * WEIR_ERR_NOT_FOUND, errors of weir_known_load. */
weir_err weir_dataset_option(const char *text, const struct weir_known **known, struct weir_known **own, bool *unknown,
                             struct weir_error *error);

/* Exactly one of --data and --sql, and what --dataset names: WEIR_EXIT_OK or a printed error. */
int weir_data_options_check(struct weir_data_options *options, const char *command);
void weir_data_options_free(struct weir_data_options *options);

/* Opens what the options name. */
weir_err weir_data_options_open(const struct weir_data_options *options, const volatile sig_atomic_t *stop,
                                struct weir_relation **out, struct weir_error *error);

/* The same for a model: with common columns when it was trained on them. */
weir_err weir_data_options_open_for(const struct weir_data_options *options, const weir_model *model,
                                    const volatile sig_atomic_t *stop, struct weir_relation **out, struct weir_error *error);

/* What the card of a model says about its data: texts belong to the model, NULL when it does not say. */
const char *weir_card_default(const weir_model *model, const char *key);

/* Refuses a model that needs a column which --exclude names. */
weir_err weir_data_options_fit(const struct weir_data_options *options, const weir_model *model, struct weir_error *error);

/* --flow-rate ("1000" or "1000/s") and --benign-share (0 to 1): the traffic that alerts a day are counted for. `what` is for the
 * message. WEIR_ERR_ARGUMENT. */
weir_err weir_flow_rate_parse(const char *what, const char *text, double *out, struct weir_error *error);
weir_err weir_benign_share_parse(const char *what, const char *text, double *out, struct weir_error *error);

/* The same two as options of getopt_long: false for another option; a wrong value is printed and *wrong set. */
bool weir_traffic_option_take(int option, const char *value, double *flows_per_s, double *benign_share, bool *wrong);

/* Says on stderr what was turned into missing values and left out. */
void weir_data_report(const struct weir_dataset_column *columns, size_t count, uint64_t unlabelled);

/* From now on the first SIGINT or SIGTERM sets the returned flag, the second one ends the process. */
const volatile sig_atomic_t *weir_stop_on_signal(void);

/* Prints an error's line; returns WEIR_EXIT_FAILED. */
int weir_report_error(const struct weir_error *error);

#endif
