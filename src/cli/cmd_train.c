/* weir train: fits a model to labelled rows. */
#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/report.h"
#include "model/build.h"
#include "train/evaluate.h"
#include "train/fit.h"
#include "train/prepare.h"
#include "train/trainer.h"

static const char help[] = "usage: weir train --data FILE|GLOB --label COLUMN --benign VALUE -o MODEL.weir [OPTIONS]\n"
                           "\n"
                           "Fits a model to labelled rows, tests it on rows that it has not seen, and writes it.\n"
                           "Known data sets (weir data list) need no --label, --benign, --exclude.\n"
                           "\n"
                           "  --data FILE|GLOB    CSV, Parquet or JSON; repeated: more files\n"
                           "  --sql QUERY         or rows from a query that DuckDB understands\n"
                           "  --dataset NAME      which data set it is (weir data list), a description of one\n"
                           "                      (FILE.yaml), or none; without it the columns tell\n"
                           "  --common            take the common columns, of data sets of different kinds\n"
                           "  --label COLUMN      label column\n"
                           "  --benign VALUE      its value for normal traffic; every other label is an attack\n"
                           "  --multiclass        every label is a class\n"
                           "  --exclude A,B       columns not to learn from: the whole list; without it the\n"
                           "                      identifiers of a known data set are left out\n"
                           "  --test SHARE|FILE   test on this share of the rows, drawn class by class (0.2),\n"
                           "                      or on the rows of FILE|GLOB\n"
                           "  --split drawn|time:COLUMN|group:COLUMN|leave-attack:LABEL\n"
                           "                      how that share is taken: drawn (so without --split), the last by\n"
                           "                      time, whole groups (hosts), or the rows with one label and a\n"
                           "                      share of the benign ones\n"
                           "  --sample SHARE      use this share of the rows, drawn label by label (1)\n"
                           "  --algorithm NAME    one of those below (xgboost)\n"
                           "  --param NAME=VALUE  a parameter of the algorithm; repeated\n"
                           "  --trees, --depth, --eta VALUE\n"
                           "                      the same as --param trees=VALUE, ...\n"
                           "  --scale none|standard\n"
                           "                      bring columns to mean 0 and deviation 1 first (none);\n"
                           "                      the scaling becomes part of the model\n"
                           "  --threshold X       score from which a row is an alert (0.5; an\n"
                           "                      isolation forest may know better)\n"
                           "  --flow-rate N/s     flows a second to count alerts a day for (1000/s)\n"
                           "  --benign-share X    share of them that is normal traffic (as in the test rows)\n"
                           "  --features SET      feature set that the columns belong to (default: the one\n"
                           "                      that has them all)\n"
                           "  --select K          keep the K columns that are worth most to a first fit on the\n"
                           "                      training rows (mean |SHAP|), then fit again on these alone\n"
                           "  --seed N            of the split and the training (1)\n"
                           "  --name NAME         name of the model (default: data set and algorithm)\n"
                           "  --version VERSION   version of the model (1)\n"
                           "  -o, --output FILE   the model file\n"
                           "  --json              print one JSON object\n"
                           "  --quiet             no messages but errors\n"
                           "\n"
                           "example: weir train --data 'day1/*.csv' --label Label --benign BENIGN -o flows.weir\n"
                           "         weir evaluate flows.weir --data 'day2/*.csv'\n"
                           "         weir train --data 'CIC/*.csv' --split group:'Src IP' --sample 0.2 -o cic.weir\n"
                           "         weir train --common --data 'CIC/*.csv' --data 'UNSW/*.csv' -o both.weir\n"
                           "\n"
                           "Algorithms and their parameters (in brackets what they are without --param):\n";

/* The table of trainers as text. */
static void print_algorithms(void)
{
    for (const struct weir_trainer *const *t = weir_trainers(); *t; t++) {
        printf("  %s%s\n", (*t)->name, (*t)->more ? " (and all of its library's parameters)" : "");
        for (const struct weir_param *p = (*t)->params; p->name; p++)
            printf("      %-16s  %s (%s)\n", p->name, p->text, p->value);
    }
}

struct options {
    struct weir_data_options data;
    struct weir_strings params;
    const char *algorithm, *features, *name, *version, *output, *test_files;
    const struct weir_trainer *trainer;
    enum weir_scale scale;
    uint64_t seed, select; /* select 0: all columns */
    struct weir_folds_config folds;
    double threshold, flows_per_s, benign_share; /* NaN: not given */
    bool json;
};

enum {
    OPT_ALGORITHM = 256,
    OPT_TREES,
    OPT_DEPTH,
    OPT_ETA,
    OPT_PARAM,
    OPT_THRESHOLD,
    OPT_FEATURES,
    OPT_SEED,
    OPT_SELECT,
    OPT_SCALE,
    OPT_TEST,
    OPT_SPLIT,
    OPT_SAMPLE,
    OPT_NAME,
    OPT_VERSION,
    OPT_JSON,
    OPT_QUIET
};

/* A share is a number; everything else names files. */
static bool take_test(struct options *o, const char *text)
{
    char *end = NULL;
    double share = strtod(text, &end);
    if (end == text || *end) {
        o->test_files = text;
        return true;
    }
    if (!(share > 0 && share < 1)) {
        weir_log(WEIR_LOG_ERROR, "--test %s: give a share between 0 and 1, such as 0.2, or a file", text);
        return false;
    }
    o->folds.share = share;
    return true;
}

static bool take_param(struct options *o, const char *name, const char *value)
{
    char text[200];
    snprintf(text, sizeof text, "%s=%s", name, value);
    weir_strings_add(&o->params, text);
    return true;
}

static bool take_scale(struct options *o, const char *text)
{
    o->scale = !strcmp(text, "standard") ? WEIR_SCALE_STANDARD : WEIR_SCALE_NONE;
    if (!strcmp(text, "standard") || !strcmp(text, "none"))
        return true;
    weir_log(WEIR_LOG_ERROR, "--scale %s: it is none or standard", text);
    return false;
}

static bool take_split(struct options *o, const char *text)
{
    struct weir_error error;
    if (weir_folds_parse(text, &o->folds, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "--split: %s", error.text);
        return false;
    }
    if (o->folds.kind == WEIR_FOLDS_LEAVE_ATTACK && !o->folds.attack) {
        weir_log(WEIR_LOG_ERROR,
                 "--split leave-attack: name the attack, as in leave-attack:Botnet; weir survey leaves out one after "
                 "the other");
        return false;
    }
    return true;
}

static bool take_option(struct options *o, int c)
{
    bool wrong = false;
    switch (c) {
    case 'o':
        o->output = optarg;
        return true;
    case OPT_ALGORITHM:
        o->algorithm = optarg;
        return true;
    case OPT_TREES:
        return take_param(o, "trees", optarg);
    case OPT_DEPTH:
        return take_param(o, "depth", optarg);
    case OPT_ETA:
        return take_param(o, "eta", optarg);
    case OPT_SCALE:
        return take_scale(o, optarg);
    case OPT_PARAM:
        weir_strings_add(&o->params, optarg);
        return true;
    case OPT_THRESHOLD:
        return weir_option_real("--threshold", optarg, 0, 1, &o->threshold);
    case OPT_FEATURES:
        o->features = optarg;
        return true;
    case OPT_SEED:
        return weir_option_number("--seed", optarg, 0, INT64_MAX, &o->seed);
    case OPT_SELECT:
        return weir_option_number("--select", optarg, 1, UINT32_MAX, &o->select);
    case OPT_TEST:
        return take_test(o, optarg);
    case OPT_SPLIT:
        return take_split(o, optarg);
    case OPT_SAMPLE:
        return weir_option_real("--sample", optarg, 1e-9, 1, &o->folds.sample);
    case OPT_NAME:
        o->name = optarg;
        return true;
    case OPT_VERSION:
        o->version = optarg;
        return true;
    case OPT_JSON:
        o->json = true;
        return true;
    case OPT_QUIET:
        weir_log_set_level(WEIR_LOG_ERROR);
        return true;
    default:
        return weir_traffic_option_take(c, optarg, &o->flows_per_s, &o->benign_share, &wrong)
                   ? !wrong
                   : weir_data_options_take(&o->data, c, optarg);
    }
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        WEIR_DATA_OPTIONS,
        WEIR_TRAFFIC_OPTIONS,
        {"multiclass", no_argument, NULL, WEIR_OPT_MULTICLASS},
        {"algorithm", required_argument, NULL, OPT_ALGORITHM},
        {"trees", required_argument, NULL, OPT_TREES},
        {"depth", required_argument, NULL, OPT_DEPTH},
        {"eta", required_argument, NULL, OPT_ETA},
        {"param", required_argument, NULL, OPT_PARAM},
        {"threshold", required_argument, NULL, OPT_THRESHOLD},
        {"features", required_argument, NULL, OPT_FEATURES},
        {"seed", required_argument, NULL, OPT_SEED},
        {"select", required_argument, NULL, OPT_SELECT},
        {"scale", required_argument, NULL, OPT_SCALE},
        {"test", required_argument, NULL, OPT_TEST},
        {"split", required_argument, NULL, OPT_SPLIT},
        {"sample", required_argument, NULL, OPT_SAMPLE},
        {"name", required_argument, NULL, OPT_NAME},
        {"version", required_argument, NULL, OPT_VERSION},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, OPT_JSON},
        {"quiet", no_argument, NULL, OPT_QUIET},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            print_algorithms();
            return WEIR_EXIT_OK;
        }
        if (c == '?' || c == ':')
            return weir_option_wrong("train", c, argv);
        if (!take_option(o, c))
            return WEIR_EXIT_USAGE;
    }
    if (optind < argc)
        return weir_usage_error("train", "'%s' is one argument too many; data files go behind --data", argv[optind]);
    if (!o->output)
        return weir_usage_error("train", "name the model file with -o FILE");
    o->trainer = weir_trainer_find(o->algorithm);
    if (!o->trainer)
        return weir_usage_error("train", "algorithm '%s' is not there; there are: %s", o->algorithm, weir_trainer_names());
    if (o->test_files && o->folds.kind != WEIR_FOLDS_DRAWN)
        return weir_usage_error("train", "--test FILE and --split exclude each other");
    o->folds.seed = o->seed;
    int wrong = weir_data_options_check(&o->data, "train");
    return wrong ? wrong : -1;
}

/* Everything that a training holds. */
struct training {
    const struct options *o;
    const volatile sig_atomic_t *stop;
    struct weir_relation *source, *test_source;
    struct weir_prepared prepared;
    struct weir_dataset *test;
    struct weir_labels test_labels;
    struct weir_folds folds; /* without a test file: the one that tells train and test rows of the data set */
    uint32_t *train;         /* [train_count] the rows that train */
    size_t train_count;
    weir_model *model;
    struct weir_evaluation evaluation;
    double fit_s;
};

static void free_training(struct training *t)
{
    weir_evaluation_fini(&t->evaluation);
    weir_model_free(&t->model);
    if (t->test)
        free(t->train);
    weir_folds_fini(&t->folds);
    weir_labels_fini(&t->test_labels);
    weir_prepared_fini(&t->prepared);
    weir_dataset_free(&t->test);
    weir_relation_close(&t->source);
    weir_relation_close(&t->test_source);
}

/* Before minutes of work: can the model be written where it shall go? */
static weir_err check_output(const char *path, struct weir_error *error)
{
    struct stat info;
    char *copy = strdup(path);
    if (!copy)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    const char *folder = dirname(copy);
    weir_err failed = WEIR_OK;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        failed = weir_fail(error, WEIR_ERR_IO, "%s: a folder; -o names the model file", path);
    else if (stat(folder, &info) || !S_ISDIR(info.st_mode))
        failed = weir_fail(error, WEIR_ERR_NOT_FOUND, "%s: there is no folder %s; make it first", path, folder);
    else if (access(path, W_OK) && access(folder, W_OK))
        failed = weir_fail(error, WEIR_ERR_PERMISSION, "%s: the folder %s cannot be written: %s", path, folder, strerror(errno));
    free(copy);
    return failed;
}

/* ---- Data ------------------------------------------------------------------------------------------------------------------ */

static weir_err read_training(struct training *t, struct weir_error *error)
{
    const struct options *o = t->o;
    struct weir_prepare_config config = {.label = o->data.label,
                                         .benign = o->data.benign,
                                         .multiclass = o->data.multiclass,
                                         .benign_alone = o->trainer->unsupervised,
                                         .exclude = (const char *const *)o->data.exclude.item,
                                         .exclude_count = o->data.exclude.count,
                                         .exclude_given = o->data.exclude_given,
                                         .features = o->features,
                                         .folds = &o->folds};
    weir_err failed = weir_prepare(t->source, &config, &t->prepared, error);
    if (failed)
        return failed;
    const struct weir_dataset *dataset = t->prepared.dataset;
    weir_data_report(dataset->columns, dataset->column_count, dataset->unlabelled);
    weir_log(WEIR_LOG_INFO, "%zu rows, %zu columns, feature set %s", dataset->rows, dataset->column_count,
             t->prepared.feature_set);
    return WEIR_OK;
}

static weir_err read_test(struct training *t, struct weir_error *error)
{
    const struct weir_data_options *data = &t->o->data;
    struct weir_relation_config config = {.paths = &t->o->test_files,
                                          .path_count = 1,
                                          .known = data->known,
                                          .unknown = data->unknown,
                                          .common = data->common,
                                          .stop = t->stop};
    weir_err failed = weir_relation_open(&config, &t->test_source, error);
    if (failed)
        return failed;
    struct weir_dataset_config columns = {
        .label = t->prepared.label, .columns = t->prepared.dataset->columns, .column_count = t->prepared.dataset->column_count};
    failed = weir_dataset_read(t->test_source, &columns, &t->test, error);
    if (!failed)
        weir_data_report(t->test->columns, t->test->column_count, t->test->unlabelled);
    return failed;
}

/* With a test file all rows train, or a sample of them. */
static weir_err split_rows(struct training *t, struct weir_error *error)
{
    const struct weir_dataset *dataset = t->prepared.dataset;
    if (t->test) {
        t->train = weir_folds_sample(dataset->labels, dataset->rows, dataset->label_values.count, t->o->folds.sample, t->o->seed,
                                     &t->train_count);
        return t->train ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    }
    weir_err failed = weir_prepared_folds(&t->prepared, &t->o->folds, &t->folds, error);
    if (failed == WEIR_ERR_FORMAT && t->o->folds.kind == WEIR_FOLDS_DRAWN)
        failed = weir_fail(error, WEIR_ERR_FORMAT, "%s: %zu rows are too few to test on; name test rows with --test FILE",
                           t->source->origin, dataset->rows);
    if (failed)
        return failed;
    t->train = t->folds.fold[0].train;
    t->train_count = t->folds.fold[0].train_count;
    if (t->folds.sideless)
        weir_log(WEIR_LOG_WARNING, "%zu rows have no %s in column '%s' and are left out", t->folds.sideless,
                 t->o->folds.kind == WEIR_FOLDS_TIME ? "time" : "value", t->o->folds.column);
    return WEIR_OK;
}

static size_t test_rows(const struct training *t)
{
    return t->test ? t->test->rows : t->folds.fold[0].test_count;
}

/* ---- The model ------------------------------------------------------------------------------------------------------------- */

static void show_progress(void *context, size_t done, size_t all)
{
    (void)context;
    fprintf(stderr, "\rweir: training: round %zu of %zu%s", done, all, done == all ? "\n" : "");
}

static weir_err fit(struct training *t, struct weir_error *error)
{
    const struct options *o = t->o;
    const struct weir_prepared *p = &t->prepared;
    char fingerprint[33], test_fingerprint[33];
    weir_dataset_fingerprint(p->dataset, fingerprint);
    if (t->test)
        weir_dataset_fingerprint(t->test, test_fingerprint);
    json_t *defaults = weir_prepared_defaults(p), *drawn = weir_folds_json(&o->folds, t->test);
    struct weir_fit_rows rows = {.dataset = p->dataset,
                                 .labels = &p->labels,
                                 .train = t->train,
                                 .train_count = t->train_count,
                                 .test_count = test_rows(t),
                                 .data_set = p->known ? p->known->name : NULL,
                                 .fingerprint = fingerprint,
                                 .test_fingerprint = t->test ? test_fingerprint : NULL,
                                 .feature_set = p->feature_set,
                                 .feature_set_id = p->feature_set_id,
                                 .defaults = defaults,
                                 .drawn = drawn};
    struct weir_fit_config config = {.trainer = o->trainer,
                                     .params = (const char *const *)o->params.item,
                                     .param_count = o->params.count,
                                     .scale = o->scale,
                                     .seed = o->seed,
                                     .threshold = o->threshold,
                                     .select = o->select,
                                     .name = o->name,
                                     .version = o->version,
                                     .progress = isatty(STDERR_FILENO) ? show_progress : NULL,
                                     .stop = t->stop};
    if (o->trainer->scale_matters && o->scale == WEIR_SCALE_NONE)
        weir_log(WEIR_LOG_WARNING, "%s is spoilt by columns of very different size; --scale standard is recommended",
                 o->trainer->name);
    if (o->select >= p->dataset->column_count)
        weir_log(WEIR_LOG_WARNING, "--select %llu: there are %zu columns; all are kept", (unsigned long long)o->select,
                 p->dataset->column_count);
    weir_err failed = weir_fit(&rows, &config, &t->model, &t->fit_s, error);
    json_decref(defaults);
    json_decref(drawn);
    return failed;
}

static weir_err test_model(struct training *t, struct weir_error *error)
{
    const char *const *classes;
    weir_err failed;
    if (t->test) {
        failed = weir_labels_use(&t->test->label_values, t->prepared.benign, t->model, &t->test_labels, error);
        if (!failed)
            failed = weir_evaluate(t->model, t->test, t->test_labels.class_of, NULL, t->test->rows, &t->evaluation, error);
    } else {
        failed = weir_evaluate(t->model, t->prepared.dataset, t->prepared.labels.class_of, t->folds.fold[0].test, test_rows(t),
                               &t->evaluation, error);
    }
    if (failed)
        return failed;
    weir_metrics_expect(&t->evaluation.metrics, t->o->flows_per_s, t->o->benign_share);
    weir_model_classes(t->model, &classes);
    json_t *metrics = weir_metrics_json(&t->evaluation.metrics, classes);
    failed =
        metrics ? weir_model_annotate(t->model, "metrics", metrics, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    json_decref(metrics);
    return failed;
}

static void report(const struct training *t)
{
    const struct options *o = t->o;
    if (!o->json)
        printf("trained on %zu rows, tested on %zu, in %.2f s\n\n", t->train_count, test_rows(t), t->fit_s);
    const char *const *names;
    size_t columns = weir_model_columns(t->model, &names);
    json_t *kept = json_array();
    for (size_t c = 0; c < columns; c++)
        json_array_append_new(kept, json_string(names[c]));
    if (!o->json && columns < t->prepared.dataset->column_count) {
        puts("columns kept:");
        for (size_t c = 0; c < columns; c++)
            printf("  %s\n", names[c]);
        puts("");
    }
    json_t *more = json_pack("{s:f,s:s,s:I,s:o,s:o}", "fit_s", t->fit_s, "file", o->output, "train_rows",
                             (json_int_t)t->train_count, "importance", weir_importance_json(t->model), "columns", kept);
    weir_print_evaluation(t->model, &t->evaluation, t->test ? t->test : t->prepared.dataset, more, o->json);
    if (!o->json)
        weir_print_importance(t->model);
}

static weir_err train(struct training *t, struct weir_error *error)
{
    const struct options *o = t->o;
    weir_err failed = check_output(o->output, error);
    if (!failed && o->trainer->ready)
        failed = o->trainer->ready(error);
    if (!failed)
        failed = weir_data_options_open(&o->data, t->stop, &t->source, error);
    if (!failed)
        failed = read_training(t, error);
    if (!failed && o->test_files)
        failed = read_test(t, error);
    if (!failed)
        failed = split_rows(t, error);
    if (!failed)
        failed = fit(t, error);
    if (!failed)
        failed = test_model(t, error);
    if (!failed)
        failed = weir_model_write(t->model, o->output, error);
    if (!failed) {
        report(t);
        weir_log(WEIR_LOG_INFO, "%s: model %s written", o->output, weir_model_label(t->model));
    }
    return failed;
}

int weir_cmd_train(int argc, char **argv)
{
    struct options o = {.folds = WEIR_FOLDS_DEFAULT,
                        .algorithm = "xgboost",
                        .threshold = NAN, /* as the model decides */
                        .flows_per_s = NAN,
                        .benign_share = NAN,
                        .seed = 1};
    struct training t = {.o = &o};
    struct weir_error error = {0};
    int exit_code = parse(argc, argv, &o);
    if (exit_code < 0) {
        t.stop = weir_stop_on_signal();
        exit_code = train(&t, &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
        free_training(&t);
    }
    weir_data_options_free(&o.data);
    weir_strings_free(&o.params);
    return exit_code;
}
