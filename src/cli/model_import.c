/* weir model import. */
#include <float.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/model_commands.h"
#include "cli/options.h"
#include "model/build.h"
#include "model/feature_set.h"

#define IMPORT_BYTES_MAX ((size_t)4 << 30)

static const char help[] = "usage: weir model import FILE -o MODEL.weir [OPTIONS]\n"
                           "\n"
                           "Makes a model file of another tool's model; which tool it is, the content says:\n"
                           "  XGBoost       JSON or UBJ as save_model writes it, 1.7 to 3.x\n"
                           "  LightGBM      text as save_model writes it\n"
                           "  CatBoost      save_model(path, format='json', pool=the training data)\n"
                           "  scikit-learn  python -m weir.export model.joblib -o FILE\n"
                           "\n"
                           "  -o, --output FILE  the model file to write\n"
                           "  --columns A,B,...  column names, in the order of training (default: those that the model\n"
                           "                     stores); a comma inside a name is written \\,\n"
                           "  --features SET     the feature set that the columns are of, or none (default: the one that\n"
                           "                     has all the columns, else none, which `weir run` cannot use)\n"
                           "  --classes A,B,...  class names, in the order of the labels 0, 1, ... (default: benign and\n"
                           "                     attack for two, 0, 1, ... for more)\n"
                           "  --benign VALUE     the class, or its label, that is no attack (default: label 0 of two\n"
                           "                     unnamed classes)\n"
                           "  --threshold T      a row is an alert from this score on (default: 0.5; a regression has none,\n"
                           "                     and `weir run` takes it only with one)\n"
                           "  --name NAME        name of the model (default: that of FILE)\n"
                           "  --version V        its version (default: 1)\n"
                           "  --check DATA       then score the rows of DATA (CSV, Parquet, JSON; a pattern) with the model's\n"
                           "                     own library too, and print the share whose class is another one;\n"
                           "                     weir scores float32, the library gets float64\n"
                           "  --original FILE    the library's own file for --check (default: FILE; for scikit-learn the\n"
                           "                     pickle; only name one that you trust)\n"
                           "  --quiet            no messages but errors\n"
                           "\n"
                           "example: weir model import xgb.json --columns dur,spkts,sbytes --classes normal,attack \\\n"
                           "             --benign normal -o flows.weir\n";

struct options {
    const char *check, *original, *input, *output, *features, *benign, *name, *version;
    struct weir_strings columns, classes;
    double threshold;
};

enum {
    OPT_COLUMNS = 256,
    OPT_FEATURES,
    OPT_CLASSES,
    OPT_BENIGN,
    OPT_THRESHOLD,
    OPT_NAME,
    OPT_VERSION,
    OPT_CHECK,
    OPT_ORIGINAL,
    OPT_QUIET
};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                          {"columns", required_argument, NULL, OPT_COLUMNS},
                                          {"features", required_argument, NULL, OPT_FEATURES},
                                          {"classes", required_argument, NULL, OPT_CLASSES},
                                          {"benign", required_argument, NULL, OPT_BENIGN},
                                          {"threshold", required_argument, NULL, OPT_THRESHOLD},
                                          {"name", required_argument, NULL, OPT_NAME},
                                          {"version", required_argument, NULL, OPT_VERSION},
                                          {"check", required_argument, NULL, OPT_CHECK},
                                          {"original", required_argument, NULL, OPT_ORIGINAL},
                                          {"quiet", no_argument, NULL, OPT_QUIET},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1;)
        switch (c) {
        case 'h':
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        case 'o':
            o->output = optarg;
            break;
        case OPT_COLUMNS:
            weir_strings_split(&o->columns, optarg);
            break;
        case OPT_FEATURES:
            o->features = optarg;
            break;
        case OPT_CLASSES:
            weir_strings_split(&o->classes, optarg);
            break;
        case OPT_BENIGN:
            o->benign = optarg;
            break;
        case OPT_THRESHOLD:
            if (!weir_option_real("--threshold", optarg, -FLT_MAX, FLT_MAX, &o->threshold))
                return WEIR_EXIT_USAGE;
            break;
        case OPT_NAME:
            o->name = optarg;
            break;
        case OPT_VERSION:
            o->version = optarg;
            break;
        case OPT_CHECK:
            o->check = optarg;
            break;
        case OPT_ORIGINAL:
            o->original = optarg;
            break;
        case OPT_QUIET:
            weir_log_set_level(WEIR_LOG_ERROR);
            break;
        default:
            return weir_option_wrong("model import", c, argv);
        }
    if (optind + 1 != argc)
        return weir_usage_error("model import", "name one file to import");
    o->input = argv[optind];
    if (!o->output)
        return weir_usage_error("model import", "name the model file with -o MODEL.weir");
    bool named = !o->benign || !o->classes.count || strspn(o->benign, "0123456789") == strlen(o->benign);
    for (size_t k = 0; k < o->classes.count && !named; k++)
        named = !strcmp(o->benign, o->classes.item[k]);
    if (!named)
        return weir_usage_error("model import", "--benign %s: no class of --classes", o->benign);
    if (o->original && !o->check)
        return weir_usage_error("model import", "--original goes with --check");
    if (o->classes.count == 2 && !o->benign)
        return weir_usage_error("model import", "say with --benign which of the classes %s and %s is no attack",
                                o->classes.item[0], o->classes.item[1]);
    return -1;
}

/* The file's name without folder and extension, in the letters that a model's name may have. */
static void name_from_path(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path, *dot = strrchr(start, '.');
    size_t n = dot && dot > start ? (size_t)(dot - start) : strlen(start);
    if (n >= size)
        n = size - 1;
    for (size_t i = 0; i < n; i++) {
        char c = start[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._+-", c);
        out[i] = plain ? c : '_';
    }
    out[n] = 0;
}

static weir_err adopt_feature_set(const char *wanted, weir_model *model, struct weir_error *error)
{
    const char *const *columns, *name;
    uint64_t id;
    size_t count = weir_model_columns(model, &columns);
    weir_err err = weir_feature_set_choose(wanted, columns, count, &name, &id, error);
    if (err)
        return err;
    json_t *categories = weir_feature_set_categories(name, columns, count);
    err = categories ? weir_model_set_features(model, name, id, categories, error)
                     : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    json_decref(categories);
    return err;
}

static void report(const struct options *o, const weir_model *model)
{
    const char *const *classes;
    size_t count = weir_model_classes(model, &classes);
    int benign = weir_model_benign(model);
    char text[512];
    weir_model_describe(model, text, sizeof text);
    weir_log(WEIR_LOG_INFO, "%s: %s", o->output, text);
    if (weir_model_regression(model) && isnan(weir_model_threshold(model)))
        weir_log(WEIR_LOG_WARNING, "a regression without --threshold: `weir run` cannot tell an alert");
    if (benign < 0)
        weir_log(WEIR_LOG_WARNING, "no class is benign: any class becomes an alert; name the harmless one with --benign");
    else if (!o->classes.count && !weir_model_regression(model))
        weir_log(WEIR_LOG_INFO, "of %zu classes '%s' counts as benign", count, classes[benign]);
    if (!weir_model_feature_set_id(model))
        weir_log(WEIR_LOG_WARNING, "no feature set: evaluate and predict can use the model, `weir run` cannot");
}

static weir_err check(const struct options *o, const weir_model *model, bool turned, struct weir_error *error)
{
    const char *tool = weir_model_algorithm(model);
    struct weir_model_check config = {
        .model = model, .original = o->original ? o->original : o->input, .data = o->check, .turned = turned};
    struct weir_model_check_result result;
    if (!o->original && strcmp(tool, "xgboost") && strcmp(tool, "lightgbm") && strcmp(tool, "catboost"))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "--check: name the pickle that %s was exported from with --original",
                         o->input);
    weir_err err = weir_model_check_run(&config, &result, error);
    if (!err)
        printf("%zu of %zu rows (%.4g %%) have another %s\n", result.differ, result.rows,
               100 * (double)result.differ / (double)result.rows, weir_model_regression(model) ? "prediction" : "class");
    return err;
}

static weir_err import_model(const struct options *o, struct weir_error *error)
{
    struct weir_file_map file = {0};
    weir_model *model = NULL;
    bool turned = false;
    char name[65];
    name_from_path(o->input, name, sizeof name);
    struct weir_model_facts facts = {.name = o->name ? o->name : name,
                                     .version = o->version,
                                     .columns = (const char *const *)o->columns.item,
                                     .column_count = o->columns.count,
                                     .classes = (const char *const *)o->classes.item,
                                     .class_count = o->classes.count,
                                     .benign = WEIR_BENIGN_USUAL,
                                     .benign_name = o->benign,
                                     .turned = &turned,
                                     .threshold = (float)o->threshold};
    weir_err err = weir_file_map(o->input, IMPORT_BYTES_MAX, &file, error);
    if (!err)
        err = weir_model_import(file.bytes, file.size, o->input, &facts, &model, error);
    weir_file_unmap(&file);
    if (!err)
        err = adopt_feature_set(o->features, model, error);
    if (!err)
        err = weir_model_write(model, o->output, error);
    if (!err)
        report(o, model);
    if (!err && o->check)
        err = check(o, model, turned, error);
    weir_model_free(&model);
    return err;
}

int weir_model_import_command(int argc, char **argv)
{
    struct options o = {.threshold = (double)NAN};
    struct weir_error error;
    int exit_code = parse(argc, argv, &o);
    if (exit_code < 0)
        exit_code = import_model(&o, &error) ? weir_report_error(&error) : WEIR_EXIT_OK;
    weir_strings_free(&o.columns);
    weir_strings_free(&o.classes);
    return exit_code;
}
