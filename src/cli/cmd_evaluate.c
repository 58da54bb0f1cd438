/* weir evaluate: how good a model is on labelled rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/labelled.h"
#include "cli/report.h"

static const char help[] = "usage: weir evaluate MODEL.weir --data FILE|GLOB [OPTIONS]\n"
                           "\n"
                           "Scores labelled rows and prints accuracy, precision, recall, F1 and more with\n"
                           "their 95 % intervals, each class, the confusion matrix, alerts a day at low\n"
                           "false-positive rates, and whether scores are probabilities. docs/metrics.md\n"
                           "defines every figure.\n"
                           "\n"
                           "  --model M.weir      another way to name the model file\n"
                           "  --data FILE|GLOB    CSV, Parquet or JSON; repeated: more files\n"
                           "  --sql QUERY         or rows from a query that DuckDB understands\n"
                           "  --dataset NAME      which data set it is (weir data list), a description of one\n"
                           "                      (FILE.yaml), or none; without it the columns tell\n"
                           "  --common            take the common columns, of data sets of different kinds\n"
                           "  --label COLUMN      label column (default: the one the model was trained on)\n"
                           "  --benign VALUE      its value for normal traffic (default: as in training)\n"
                           "  --exclude A,B       columns that the model must not need\n"
                           "  --flow-rate N/s     flows a second to count alerts a day for (1000/s)\n"
                           "  --benign-share X    share of them that is normal traffic (as in the rows)\n"
                           "  --json              print one JSON object\n"
                           "  --quiet             no messages but errors\n"
                           "\n"
                           "example: weir evaluate flows.weir --data 'day2/*.csv'\n";

struct options {
    struct weir_data_options data;
    const char *model;
    double flows_per_s, benign_share; /* NaN: not given */
    bool json;
};

enum { OPT_JSON = 256, OPT_QUIET, OPT_MODEL };

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        WEIR_DATA_OPTIONS,
        {"json", no_argument, NULL, OPT_JSON},
        {"quiet", no_argument, NULL, OPT_QUIET},
        {"model", required_argument, NULL, OPT_MODEL},
        WEIR_TRAFFIC_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool wrong = false;
    for (int c; (c = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        } else if (c == OPT_JSON) {
            o->json = true;
        } else if (c == OPT_MODEL) {
            o->model = optarg;
        } else if (weir_traffic_option_take(c, optarg, &o->flows_per_s, &o->benign_share, &wrong)) {
            if (wrong)
                return WEIR_EXIT_USAGE;
        } else if (c == OPT_QUIET) {
            weir_log_set_level(WEIR_LOG_ERROR);
        } else if (!weir_data_options_take(&o->data, c, optarg)) {
            return weir_option_wrong("evaluate", c, argv);
        }
    }
    if (!o->model && optind < argc)
        o->model = argv[optind++];
    if (!o->model)
        return weir_usage_error("evaluate", "name the model file");
    if (optind < argc)
        return weir_usage_error("evaluate", "'%s' is one argument too many; data files go behind --data", argv[optind]);
    int code = weir_data_options_check(&o->data, "evaluate");
    return code ? code : -1;
}

static weir_err evaluate(const struct options *o, struct weir_error *error)
{
    struct weir_labelled rows;
    struct weir_evaluation evaluation = {0};
    weir_err failed = weir_labelled_read(o->model, &o->data, &rows, error);
    if (!failed)
        failed = weir_evaluate(rows.model, rows.dataset, rows.labels.class_of, NULL, rows.dataset->rows, &evaluation, error);
    weir_metrics_expect(&evaluation.metrics, o->flows_per_s, o->benign_share);
    if (!failed)
        weir_print_evaluation(rows.model, &evaluation, rows.dataset, NULL, o->json);
    weir_evaluation_fini(&evaluation);
    weir_labelled_fini(&rows);
    return failed;
}

int weir_cmd_evaluate(int argc, char **argv)
{
    struct options o = {.flows_per_s = NAN, .benign_share = NAN};
    struct weir_error error = {0};
    int exit_code = parse(argc, argv, &o);
    if (exit_code < 0)
        exit_code = evaluate(&o, &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
    weir_data_options_free(&o.data);
    return exit_code;
}
