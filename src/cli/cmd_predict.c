/* weir predict: verdicts beside rows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "train/evaluate.h"
#include "train/predict.h"

static const char help[] = "usage: weir predict MODEL.weir --data FILE|GLOB -o FILE [OPTIONS]\n"
                           "\n"
                           "Writes every row with all its columns, then score (probability of an attack),\n"
                           "class, and margin (two classes) or margin_0, margin_1, ... (before the sigmoid or\n"
                           "softmax).\n"
                           "\n"
                           "  --model M.weir      another way to name the model file\n"
                           "  --data FILE|GLOB    CSV, Parquet or JSON; repeated: more files\n"
                           "  --sql QUERY         or rows from a query that DuckDB understands\n"
                           "  --dataset NAME      which data set it is (weir data list), a description of one\n"
                           "                      (FILE.yaml), or none; without it the columns tell\n"
                           "  --common            take the common columns, of data sets of different kinds\n"
                           "  -o, --output FILE   output; - is standard output\n"
                           "  --format FORMAT     csv, jsonl or parquet (default: by extension, else csv)\n"
                           "  --label COLUMN, --benign VALUE, --exclude A,B\n"
                           "                      as in evaluate; the label column is not read\n"
                           "  --json              print one JSON object about what was written\n"
                           "  --quiet             no messages but errors\n"
                           "\n"
                           "example: weir predict flows.weir --data day2.csv -o verdicts.csv\n";

struct options {
    struct weir_data_options data;
    const char *model, *output, *format;
    bool json;
};

enum { OPT_FORMAT = 256, OPT_JSON, OPT_QUIET, OPT_MODEL };

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        WEIR_DATA_OPTIONS,
        {"format", required_argument, NULL, OPT_FORMAT},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, OPT_JSON},
        {"quiet", no_argument, NULL, OPT_QUIET},
        {"model", required_argument, NULL, OPT_MODEL},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        } else if (c == 'o') {
            o->output = optarg;
        } else if (c == OPT_FORMAT) {
            o->format = optarg;
        } else if (c == OPT_JSON) {
            o->json = true;
        } else if (c == OPT_MODEL) {
            o->model = optarg;
        } else if (c == OPT_QUIET) {
            weir_log_set_level(WEIR_LOG_ERROR);
        } else if (!weir_data_options_take(&o->data, c, optarg)) {
            return weir_option_wrong("predict", c, argv);
        }
    }
    if (!o->model && optind < argc)
        o->model = argv[optind++];
    if (!o->model)
        return weir_usage_error("predict", "name the model file");
    if (optind < argc)
        return weir_usage_error("predict", "'%s' is one argument too many; data files go behind --data", argv[optind]);
    if (!o->output)
        return weir_usage_error("predict", "name the output with -o FILE (- is standard output)");
    if (o->json && !strcmp(o->output, "-"))
        return weir_usage_error("predict", "--json and -o - both want standard output");
    int wrong = weir_data_options_check(&o->data, "predict");
    return wrong ? wrong : -1;
}

/* --format, else the extension, else CSV. */
static bool choose_format(const struct options *o, enum weir_predict_format *out)
{
    static const struct {
        const char *name, *extension;
        enum weir_predict_format format;
    } formats[] = {{"csv", ".csv", WEIR_PREDICT_CSV},
                   {"jsonl", ".jsonl", WEIR_PREDICT_JSONL},
                   {"jsonl", ".json", WEIR_PREDICT_JSONL},
                   {"parquet", ".parquet", WEIR_PREDICT_PARQUET}};
    size_t length = strlen(o->output);
    *out = WEIR_PREDICT_CSV;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t n = strlen(formats[i].extension);
        if (o->format ? !strcmp(o->format, formats[i].name)
                      : length > n && !strcmp(o->output + length - n, formats[i].extension)) {
            *out = formats[i].format;
            return true;
        }
    }
    return !o->format;
}

/* Regular files are written beside and renamed, so that a failure leaves no half file. Anything else is written as it is, links
 * too: renaming over /dev/stdout would put a file in the place of the device. */
static weir_err write_output(struct weir_predict_config *config, const char *path, uint64_t *rows, struct weir_error *error)
{
    struct stat info;
    char *beside = NULL;
    if (!strcmp(path, "-") || (lstat(path, &info) == 0 && !S_ISREG(info.st_mode))) {
        config->path = path;
        return weir_predict_write(config, rows, error);
    }
    if (asprintf(&beside, "%s.tmp-%ld", path, (long)getpid()) < 0)
        return weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", path);
    FILE *file = fopen(beside, "wb"); /* says why a folder cannot be written, before the work */
    weir_err failed = WEIR_OK;
    if (!file || fclose(file))
        failed = weir_fail(error, errno == EACCES ? WEIR_ERR_PERMISSION : WEIR_ERR_IO, "%s: cannot be written: %s", path,
                           strerror(errno));
    config->path = beside;
    if (!failed)
        failed = weir_predict_write(config, rows, error);
    if (!failed && rename(beside, path))
        failed = weir_fail(error, WEIR_ERR_IO, "%s: cannot be renamed from %s: %s", path, beside, strerror(errno));
    if (failed && file)
        unlink(beside);
    free(beside);
    return failed;
}

static weir_err predict(const struct options *o, enum weir_predict_format format, struct weir_error *error)
{
    weir_model *model = NULL;
    struct weir_relation *source = NULL;
    struct weir_dataset_column *columns = NULL;
    size_t count = 0;
    uint64_t rows = 0;
    weir_err failed = weir_model_load(o->model, &model, error);
    if (!failed)
        failed = weir_data_options_fit(&o->data, model, error);
    if (!failed)
        failed = weir_columns_of(model, &columns, &count, error);
    if (!failed)
        failed = weir_data_options_open_for(&o->data, model, weir_stop_on_signal(), &source, error);
    if (!failed) {
        struct weir_predict_config config = {
            .source = source, .model = model, .columns = columns, .column_count = count, .format = format};
        failed = write_output(&config, o->output, &rows, error);
    }
    if (!failed) {
        weir_data_report(columns, count, 0);
        if (o->json)
            printf("{\"rows\":%llu}\n", (unsigned long long)rows);
        else if (strcmp(o->output, "-"))
            weir_log(WEIR_LOG_INFO, "%s: %llu rows, each with the verdict of %s", o->output, (unsigned long long)rows,
                     weir_model_label(model));
    }
    weir_columns_free(columns, count);
    weir_relation_close(&source);
    weir_model_free(&model);
    return failed;
}

int weir_cmd_predict(int argc, char **argv)
{
    struct options o = {0};
    struct weir_error error = {0};
    enum weir_predict_format format = WEIR_PREDICT_CSV;
    int exit_code = parse(argc, argv, &o);
    if (exit_code < 0 && !choose_format(&o, &format))
        exit_code = weir_usage_error("predict", "--format %s: give csv, jsonl or parquet", o.format);
    if (exit_code < 0)
        exit_code = predict(&o, format, &error) == WEIR_OK ? WEIR_EXIT_OK : weir_report_error(&error);
    weir_data_options_free(&o.data);
    return exit_code;
}
