#define XXH_INLINE_ALL
#include "survey/task.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "model/build.h"
#include "model/model.h"
#include "survey/cost.h"
#include "train/evaluate.h"
#include "train/fit.h"
#include "train/importance.h"
#include "train/select.h"

/* What a task asks for; texts belong to its JSON. */
struct asked {
    const char *id, *data, *algorithm;
    const struct weir_trainer *trainer; /* NULL: there is none of that name */
    const struct weir_survey_split *split;
    enum weir_scale scale;
    uint64_t seed;
    double threshold;
    double flow_rate, benign_share;    /* for alerts a day; NaN: the usual ones */
    size_t select;                     /* columns to choose; 0: all */
    size_t explain_rows, permute_rows; /* for importance; 0: without */
    const json_t *drawn, *fold;        /* how rows were chosen; NULL: not told */
    char **params;                     /* "name=value" */
    size_t param_count;
};

/* Everything that it holds while it runs. */
struct run {
    struct asked asked;
    uint32_t *train, *test;
    weir_model *model;
    uint8_t *bytes;
    size_t size;
    struct weir_evaluation evaluation;
    struct weir_column_importance *importance; /* NULL: not asked for */
    double fit_s;
};

static weir_err out_of_memory(struct weir_error *error)
{
    return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

static weir_err malformed(struct weir_error *error, const char *what)
{
    return weir_fail(error, WEIR_ERR_FORMAT, "task: %s", what);
}

static weir_err read_params(const json_t *params, struct asked *out, struct weir_error *error)
{
    const char *name;
    json_t *value;
    if (params && !json_is_object(params))
        return malformed(error, "'params' is no object");
    out->params = calloc(json_object_size(params) + 1, sizeof *out->params);
    if (!out->params)
        return out_of_memory(error);
    json_object_foreach((json_t *)(uintptr_t)params, name, value)
    {
        if (!json_is_string(value))
            return malformed(error, "a parameter is no text");
        if (asprintf(&out->params[out->param_count], "%s=%s", name, json_string_value(value)) < 0)
            return out_of_memory(error);
        out->param_count++;
    }
    return WEIR_OK;
}

/* A number of things, 0 when it is not given. */
static weir_err read_count(const json_t *task, const char *key, size_t *out, struct weir_error *error)
{
    const json_t *value = json_object_get(task, key);
    if (value && !json_is_null(value) && !(json_is_integer(value) && json_integer_value(value) >= 0))
        return weir_fail(error, WEIR_ERR_FORMAT, "task: '%s' is no whole number", key);
    *out = (size_t)json_integer_value(value);
    return WEIR_OK;
}

/* NaN when it is not given. */
static double real_of(const json_t *task, const char *key)
{
    const json_t *value = json_object_get(task, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static weir_err read_task(const struct weir_survey_frame *frame, const json_t *task, struct asked *out, struct weir_error *error)
{
    const char *split = json_string_value(json_object_get(task, "split"));
    const char *scale = json_string_value(json_object_get(task, "scale"));
    const json_t *seed = json_object_get(task, "seed");
    out->id = json_string_value(json_object_get(task, "id"));
    out->data = json_string_value(json_object_get(task, "data"));
    out->algorithm = json_string_value(json_object_get(task, "algorithm"));
    if (!out->id || !out->data || !out->algorithm || !split || !json_is_integer(seed) || json_integer_value(seed) < 0)
        return malformed(error, "it lacks one of id, data, algorithm, split and seed");
    if (strcmp(out->data, frame->name) != 0)
        return weir_fail(error, WEIR_ERR_FORMAT, "task: it is about data set '%.60s', the frame is of '%.60s'", out->data,
                         frame->name);
    if (scale && strcmp(scale, "none") != 0 && strcmp(scale, "standard") != 0)
        return malformed(error, "'scale' is none or standard");
    if (!(out->split = weir_survey_frame_split(frame, split)))
        return weir_fail(error, WEIR_ERR_FORMAT, "task: the frame has no split '%.60s'", split);
    out->trainer = weir_trainer_find(out->algorithm);
    out->scale = scale && !strcmp(scale, "standard") ? WEIR_SCALE_STANDARD : WEIR_SCALE_NONE;
    out->seed = (uint64_t)json_integer_value(seed);
    out->threshold = real_of(task, "threshold"); /* NaN: as the model decides */
    if (out->threshold < 0 || out->threshold > 1)
        return malformed(error, "'threshold' is from 0 to 1");
    out->flow_rate = real_of(task, "flow_rate");
    out->benign_share = real_of(task, "benign_share");
    if (out->flow_rate < 0 || out->benign_share < 0 || out->benign_share > 1)
        return malformed(error, "'flow_rate' is not below 0, and 'benign_share' from 0 to 1");
    out->drawn = json_object_get(task, "drawn");
    out->fold = json_object_get(task, "fold");
    weir_err failed = read_count(task, "select", &out->select, error);
    if (!failed)
        failed = read_count(task, "explain_rows", &out->explain_rows, error);
    if (!failed)
        failed = read_count(task, "permute_rows", &out->permute_rows, error);
    return failed ? failed : read_params(json_object_get(task, "params"), out, error);
}

static void free_run(struct run *run)
{
    for (size_t i = 0; i < run->asked.param_count; i++)
        free(run->asked.params[i]);
    free(run->asked.params);
    free(run->train);
    free(run->test);
    weir_model_free(&run->model);
    free(run->bytes);
    free(run->importance);
    weir_evaluation_fini(&run->evaluation);
}

/* Model names have a small alphabet; a data set's name has any. */
static void name_model(const struct asked *asked, char name[static 65])
{
    snprintf(name, 65, "%.38s-%.24s", asked->data, asked->algorithm);
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+", *c))
            *c = '_';
}

static weir_err fit(const struct weir_survey_frame *frame, struct run *run, struct weir_error *error)
{
    const struct asked *asked = &run->asked;
    char name[65];
    if (!asked->trainer)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "algorithm '%.60s' is not there; there are: %s", asked->algorithm,
                         weir_trainer_names());
    run->train = weir_survey_frame_rows(frame, asked->split->train, asked->split->train_count);
    run->test = weir_survey_frame_rows(frame, asked->split->test, asked->split->test_count);
    if (!run->train || !run->test)
        return out_of_memory(error);
    name_model(asked, name);
    json_t *drawn = json_is_object(asked->drawn) ? json_copy((json_t *)(uintptr_t)asked->drawn) : json_object();
    json_object_set(drawn, "fold", asked->fold ? (json_t *)(uintptr_t)asked->fold : json_null());
    struct weir_fit_rows rows = {.dataset = &frame->dataset,
                                 .labels = &frame->labels,
                                 .train = run->train,
                                 .train_count = asked->split->train_count,
                                 .test_count = asked->split->test_count,
                                 .data_set = frame->data_set,
                                 .fingerprint = frame->fingerprint,
                                 .test_fingerprint = asked->split->test_fingerprint,
                                 .feature_set = frame->feature_set,
                                 .feature_set_id = frame->feature_set_id,
                                 .defaults = frame->defaults,
                                 .drawn = drawn};
    struct weir_fit_config config = {.trainer = asked->trainer,
                                     .params = (const char *const *)asked->params,
                                     .param_count = asked->param_count,
                                     .scale = asked->scale,
                                     .seed = asked->seed,
                                     .threshold = asked->threshold,
                                     .select = asked->select,
                                     .name = name};
    weir_err failed = weir_fit(&rows, &config, &run->model, &run->fit_s, error);
    json_decref(drawn);
    return failed;
}

static weir_err test(const struct weir_survey_frame *frame, struct run *run, struct weir_error *error)
{
    const char *const *classes;
    weir_err failed = weir_evaluate(run->model, &frame->dataset, frame->labels.class_of, run->test, run->asked.split->test_count,
                                    &run->evaluation, error);
    if (failed)
        return failed;
    weir_metrics_expect(&run->evaluation.metrics, run->asked.flow_rate, run->asked.benign_share);
    weir_model_classes(run->model, &classes);
    json_t *metrics = weir_metrics_json(&run->evaluation.metrics, classes);
    failed = metrics ? weir_model_annotate(run->model, "metrics", metrics, error) : out_of_memory(error);
    json_decref(metrics);
    if (!failed)
        failed = weir_model_bytes(run->model, &run->bytes, &run->size, error);
    return failed;
}

/* Of the test rows: what columns are worth where the model has not seen the answers. */
static weir_err weigh_columns(const struct weir_survey_frame *frame, struct run *run, struct weir_error *error)
{
    const struct asked *asked = &run->asked;
    const char *const *names;
    double reference;
    size_t columns = weir_model_columns(run->model, &names);
    struct weir_dataset view;
    struct weir_importance_config config = weir_importance_usual;
    if (!asked->explain_rows && !asked->permute_rows)
        return WEIR_OK;
    config.seed = asked->seed;
    config.explained = asked->explain_rows;
    config.rows = asked->explain_rows > asked->permute_rows ? asked->explain_rows : asked->permute_rows;
    config.repeats = asked->permute_rows ? config.repeats : 0;
    run->importance = malloc((columns + 1) * sizeof *run->importance);
    if (!run->importance)
        return out_of_memory(error);
    weir_err failed = weir_select_view(&frame->dataset, names, columns, &view, error);
    if (failed)
        return failed;
    failed = weir_importance_find(run->model, &view, frame->labels.class_of, run->test, asked->split->test_count, &config,
                                  run->importance, &reference, error);
    free(view.columns);
    return failed;
}

/* Nanoseconds a row to score rows that lie ready, as a sensor's do: the best of a few passes over a batch. */
static double measure_scoring(const struct weir_survey_frame *frame, const struct run *run)
{
    enum { ROWS = 512, LEAST = 3, ENOUGH_NS = 5000000 };
    const char *const *names;
    struct weir_dataset view;
    size_t columns = weir_model_columns(run->model, &names), groups = weir_model_groups(run->model);
    size_t rows = run->asked.split->test_count < ROWS ? run->asked.split->test_count : ROWS;
    if (weir_select_view(&frame->dataset, names, columns, &view, NULL) != WEIR_OK)
        return (double)NAN;
    float *x = malloc(rows * columns * sizeof *x), *margins = malloc(rows * groups * sizeof *margins);
    int64_t best = INT64_MAX, spent = 0;
    if (x && margins)
        weir_dataset_gather(&view, run->test, 0, rows, x);
    for (int pass = 0; x && margins && (pass < LEAST || spent < ENOUGH_NS); pass++) {
        int64_t start = weir_clock_mono_ns();
        weir_model_margins(run->model, x, rows, columns, margins);
        int64_t took = weir_clock_mono_ns() - start;
        best = took < best ? took : best;
        spent += took;
    }
    free(x);
    free(margins);
    free(view.columns);
    return spent ? (double)best / (double)rows : (double)NAN;
}

/* Names of the columns that were chosen; null when none was left out. */
static json_t *describe_selected(const struct run *run)
{
    const char *const *names;
    size_t count = weir_model_columns(run->model, &names);
    json_t *list = run->asked.select ? json_array() : json_null();
    for (size_t c = 0; run->asked.select && c < count; c++)
        json_array_append_new(list, json_string(names[c]));
    return list;
}

/* What is the same wherever the task runs. */
static json_t *describe_result(const struct weir_survey_frame *frame, const struct run *run)
{
    const char *const *columns;
    char hash[17];
    const json_t *card = weir_model_card_json(run->model), *training = json_object_get(card, "training");
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)XXH64(run->bytes, run->size, 0));
    return json_pack("{s:O,s:o,s:o,s:o,s:O?,s:O?,s:I,s:I,s:I,s:I,s:o,s:s,s:I}", "metrics", json_object_get(card, "metrics"),
                     "curves", weir_detection_curves(&run->evaluation.metrics.detection), "importance",
                     run->importance ? weir_importance_list(run->model, run->importance) : json_array(), "labels",
                     weir_evaluation_labels(&run->evaluation, &frame->dataset.label_values), "params",
                     json_object_get(training, "parameters"), "fit", json_object_get(training, "fit"), "train_rows",
                     (json_int_t)run->asked.split->train_count, "test_rows", (json_int_t)run->evaluation.metrics.rows, "left_out",
                     (json_int_t)run->evaluation.left_out, "columns", (json_int_t)weir_model_columns(run->model, &columns),
                     "selected", describe_selected(run), "model_hash", hash, "model_bytes", (json_int_t)run->size);
}

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *describe_cost(const struct weir_survey_frame *frame, const struct run *run, const struct weir_survey_meter *meter,
                             int64_t began)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    json_t *peak = real_or_null(weir_survey_meter_peak_mib(meter)); /* of fit and test alone */
    return json_pack("{s:o,s:o,s:o,s:o,s:f,s:s}", "fit_s", run->model ? json_real(run->fit_s) : json_null(), "score_s",
                     run->bytes ? json_real(run->evaluation.score_s) : json_null(), "peak_mib", peak, "score_ns",
                     run->bytes ? real_or_null(measure_scoring(frame, run)) : json_null(), "started", (double)began * 1e-9,
                     "host", host);
}

/* Who it is: the same members, in the same order, whether it went well or not. */
static json_t *start_result(const json_t *task, const char *status, const char *why)
{
    static const char *const kept[] = {"id",    "data",      "split",  "test_data", "algorithm", "params",
                                       "scale", "threshold", "select", "seed",      "fold"};
    json_t *result = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (json_object_get(task, kept[i]))
            json_object_set(result, kept[i], json_object_get(task, kept[i]));
    json_object_set_new(result, "status", json_string(status));
    json_object_set_new(result, "error", why ? json_string(why) : json_null());
    return result;
}

json_t *weir_survey_task_failed(const json_t *task, const char *why, json_t *cost)
{
    json_t *result = start_result(task, "failed", why);
    json_object_set_new(result, "result", json_null());
    json_object_set_new(result, "cost", cost ? cost : json_null());
    return result;
}

weir_err weir_survey_task_run(const struct weir_survey_frame *frame, const json_t *task, uint8_t **model, size_t *model_bytes,
                              json_t **result, struct weir_error *error)
{
    struct run run = {0};
    struct weir_error why = {0};
    struct weir_survey_meter meter;
    int64_t began = weir_clock_wall_ns();
    *model = NULL;
    *model_bytes = 0;
    *result = NULL;
    weir_survey_meter_start(&meter);
    weir_err failed = read_task(frame, task, &run.asked, error);
    if (failed)
        goto out;
    failed = fit(frame, &run, &why);
    if (!failed)
        failed = test(frame, &run, &why);
    json_t *cost = describe_cost(frame, &run, &meter, began);
    if (!failed)
        failed = weigh_columns(frame, &run, &why);
    if (failed) {
        *result = weir_survey_task_failed(task, why.text, cost);
    } else {
        *result = start_result(task, "done", NULL);
        json_object_set_new(*result, "result", describe_result(frame, &run));
        json_object_set_new(*result, "cost", cost);
        *model = run.bytes;
        *model_bytes = run.size;
        run.bytes = NULL;
    }
    failed = *result ? WEIR_OK : out_of_memory(error);
out:
    free_run(&run);
    return failed;
}
