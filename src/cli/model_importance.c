/* weir model importance: what each column is worth on labelled rows. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/labelled.h"
#include "cli/model_commands.h"
#include "train/importance.h"

static const char help[] = "usage: weir model importance MODEL.weir --data FILE|GLOB [OPTIONS]\n"
                           "\n"
                           "Prints what each column is worth to a model on labelled rows, the best first:\n"
                           "  shap         mean size of its contribution to the margin (log odds)\n"
                           "  gain         mean loss reduction of the trees' splits on it, from training\n"
                           "  permutation  how much the metric falls when its values are dealt anew among\n"
                           "               the rows, and the standard deviation of that\n"
                           "\n"
                           "  --data FILE|GLOB    CSV, Parquet or JSON; repeated: more files\n"
                           "  --sql QUERY         or rows from a query that DuckDB understands\n"
                           "  --label COLUMN      label column (default: the one the model was trained on)\n"
                           "  --benign VALUE      its value for normal traffic (default: as in training)\n"
                           "  --metric NAME       f1, accuracy or roc_auc (f1)\n"
                           "  --repeats N         times that each column is dealt; 0: no permutation (5)\n"
                           "  --rows N            rows drawn to be dealt and scored (2000)\n"
                           "  --explained N       of these, rows that are explained; 0: no shap (200)\n"
                           "  --seed N            of drawing and dealing (1)\n"
                           "  --top N             print the N best columns (30)\n"
                           "  --json              print one JSON object\n"
                           "  --quiet             no messages but errors\n"
                           "\n"
                           "example: weir model importance flows.weir --data 'day2/*.csv' --metric roc_auc\n";

struct options {
    struct weir_data_options data;
    struct weir_importance_config config;
    const char *model;
    uint64_t top;
    bool json;
};

enum { OPT_METRIC = 256, OPT_REPEATS, OPT_ROWS, OPT_EXPLAINED, OPT_SEED, OPT_TOP, OPT_JSON, OPT_QUIET };

static bool take_option(struct options *o, int c)
{
    uint64_t number = 0;
    int metric;
    switch (c) {
    case OPT_METRIC:
        metric = weir_importance_metric_find(optarg);
        if (metric < 0)
            weir_log(WEIR_LOG_ERROR, "--metric %s: there are f1, accuracy and roc_auc", optarg);
        else
            o->config.metric = (enum weir_importance_metric)metric;
        return metric >= 0;
    case OPT_REPEATS:
        if (!weir_option_number("--repeats", optarg, 0, 1000, &number))
            return false;
        o->config.repeats = (unsigned)number;
        return true;
    case OPT_ROWS:
        if (!weir_option_number("--rows", optarg, 1, UINT32_MAX, &number))
            return false;
        o->config.rows = number;
        return true;
    case OPT_EXPLAINED:
        if (!weir_option_number("--explained", optarg, 0, UINT32_MAX, &number))
            return false;
        o->config.explained = number;
        return true;
    case OPT_SEED:
        return weir_option_number("--seed", optarg, 0, INT64_MAX, &o->config.seed);
    case OPT_TOP:
        return weir_option_number("--top", optarg, 1, UINT32_MAX, &o->top);
    case OPT_JSON:
        o->json = true;
        return true;
    default:
        weir_log_set_level(WEIR_LOG_ERROR);
        return true;
    }
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        WEIR_DATA_OPTIONS,
        {"metric", required_argument, NULL, OPT_METRIC},
        {"repeats", required_argument, NULL, OPT_REPEATS},
        {"rows", required_argument, NULL, OPT_ROWS},
        {"explained", required_argument, NULL, OPT_EXPLAINED},
        {"seed", required_argument, NULL, OPT_SEED},
        {"top", required_argument, NULL, OPT_TOP},
        {"json", no_argument, NULL, OPT_JSON},
        {"quiet", no_argument, NULL, OPT_QUIET},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        }
        if (c >= OPT_METRIC && c <= OPT_QUIET) {
            if (!take_option(o, c))
                return WEIR_EXIT_USAGE;
        } else if (!weir_data_options_take(&o->data, c, optarg)) {
            return weir_option_wrong("model importance", c, argv);
        }
    }
    if (optind + 1 != argc)
        return weir_usage_error("model importance", "name one model file");
    o->model = argv[optind];
    int wrong = weir_data_options_check(&o->data, "model importance");
    return wrong ? wrong : -1;
}

static weir_err print_json(const struct options *o, const weir_model *model, const struct weir_column_importance *importance,
                           double reference, struct weir_error *error)
{
    json_t *list = weir_importance_list(model, importance);
    json_t *object = list ? json_pack("{s:s,s:s,s:f,s:i,s:I,s:I,s:I,s:o}", "model", weir_model_label(model), "metric",
                                      weir_importance_metric_name(o->config.metric), "reference", reference, "repeats",
                                      (int)o->config.repeats, "rows", (json_int_t)o->config.rows, "explained",
                                      (json_int_t)o->config.explained, "seed", (json_int_t)o->config.seed, "importance", list)
                          : NULL;
    if (!object)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
    return WEIR_OK;
}

static weir_err show(struct options *o, struct weir_error *error)
{
    struct weir_labelled rows;
    struct weir_column_importance *importance = NULL;
    double reference = 0;
    weir_err failed = weir_labelled_read(o->model, &o->data, &rows, error);
    if (failed)
        goto out;
    importance = malloc((rows.column_count + 1) * sizeof *importance);
    if (!importance) {
        failed = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
        goto out;
    }
    o->config.stop = weir_stop_on_signal();
    failed = weir_importance_find(rows.model, rows.dataset, rows.labels.class_of, NULL, rows.dataset->rows, &o->config,
                                  importance, &reference, error);
    if (!failed && o->json) {
        failed = print_json(o, rows.model, importance, reference, error);
    } else if (!failed) {
        printf("%s %.6f on %zu rows\n\n", weir_importance_metric_name(o->config.metric), reference,
               o->config.rows < rows.dataset->rows ? o->config.rows : rows.dataset->rows);
        weir_importance_print(stdout, rows.model, importance, o->top);
    }
out:
    free(importance);
    weir_labelled_fini(&rows);
    return failed;
}

int weir_model_importance_command(int argc, char **argv)
{
    struct options o = {.config = weir_importance_usual, .top = 30};
    struct weir_error error = {0};
    int exit_code = parse(argc, argv, &o);
    if (exit_code < 0)
        exit_code = show(&o, &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
    weir_data_options_free(&o.data);
    return exit_code;
}
